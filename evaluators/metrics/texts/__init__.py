"""Metrics that compare an answer with a reference text."""
