"""Metrics by which a judge gives points."""
