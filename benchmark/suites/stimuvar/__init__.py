"""Viewers' emotions, as in StimuVAR (arXiv 2409.00304): what people feel who watch a clip, and why."""
