"""MER2023 (Lian et al. 2023, arXiv 2304.08981): six emotions in clips of Chinese films and series."""
