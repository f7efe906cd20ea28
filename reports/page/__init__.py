"""The pages that people read, opened from disk: one of a run, one of two runs beside each other."""
