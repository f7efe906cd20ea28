"""RAVDESS (Livingstone & Russo 2018, doi:10.1371/journal.pone.0196391): acted speech and song."""
