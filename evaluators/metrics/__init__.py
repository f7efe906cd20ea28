"""Metrics: how answers are scored. Each is a module with a `METRIC`, of the type in `metric.py`."""
