"""MER-UniBench (Lian et al. 2025, arXiv 2501.16566): emotions in free words, on nine data sets."""
