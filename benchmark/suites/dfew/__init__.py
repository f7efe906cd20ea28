"""DFEW (Jiang et al. 2020, doi:10.1145/3394171.3413620): seven emotions in clips of films."""
