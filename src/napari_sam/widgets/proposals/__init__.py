"""Objects found by a search, which wait for an answer."""
