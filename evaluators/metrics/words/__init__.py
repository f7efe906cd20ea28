"""Metrics of words: the answer in free words, its words placed on wheels or in groups."""
