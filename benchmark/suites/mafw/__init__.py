"""MAFW (Liu et al. 2022, doi:10.1145/3503161.3548190): eleven emotions in clips of films, series and shows."""
