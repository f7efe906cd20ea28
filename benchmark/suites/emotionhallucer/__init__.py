"""EmotionHallucer (arXiv 2505.11405): pairs of yes-no questions, on what is there and on what is not."""
