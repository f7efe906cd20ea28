"""The pages for people, opened from disk: one of a run, one that compares two runs."""
