"""The emotion, bias and reasoning sets of AHELM (arXiv 2508.21376)."""
