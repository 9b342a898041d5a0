"""What is done besides: work in threads, in moments of rest, and one turn of the window after another."""
