"""Metrics: how answers are scored; each is a module."""
