"""MER2024, track MER-OV (Lian et al. 2024, arXiv 2404.17113): emotions in free words."""
