"""Statistics of columns of numbers; knows nothing of runs."""
