"""MER2025, track MER-FG (Lian et al. 2025, arXiv 2504.19423): emotions in free words."""
