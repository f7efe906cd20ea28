"""Figures as sentences and table rows, for the terminal, summaries and JUnit."""
