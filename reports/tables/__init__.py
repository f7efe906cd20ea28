"""Figures in words and rows, for the terminal, summaries and JUnit."""
