"""MME-Emotion (arXiv 2508.09210): 6,500 questions about video clips in eight tasks."""
