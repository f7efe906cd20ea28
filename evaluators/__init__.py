"""Judges answers: step extractor, judge, metrics."""
