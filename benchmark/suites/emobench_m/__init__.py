"""EmoBench-M (arXiv 2502.04424): thirteen scenarios of emotional intelligence, in clips."""
