"""Metrics of short verdicts, yes or no, true or false, one or the other, some of which are scored in groups."""
