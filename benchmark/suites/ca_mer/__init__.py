"""CA-MER (arXiv 2508.01181): clips whose sound and picture may disagree."""
