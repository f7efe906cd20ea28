"""Metrics: how an answer is scored, one module each."""
