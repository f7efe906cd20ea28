"""Emo-CFG (arXiv 2511.02712): attributes, expressions and emotions of people in clips, the benchmark of VidEmo."""
