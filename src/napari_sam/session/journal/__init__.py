"""A session on disk: every edit in a journal, which is gone on with, replayed, and told in a paper."""
