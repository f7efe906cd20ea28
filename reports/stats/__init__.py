"""Statistics of columns of numbers, independent of runs."""
