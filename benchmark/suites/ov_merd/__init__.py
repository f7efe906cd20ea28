"""OV-MERD (Lian et al. 2024, arXiv 2410.01495): emotions in free words."""
