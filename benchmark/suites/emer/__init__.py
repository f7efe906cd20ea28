"""EMER (Lian et al. 2023, arXiv 2306.15401): explanations of what somebody in a clip feels."""
