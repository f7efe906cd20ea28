"""EmoBench of EmoLLM (arXiv 2406.16442): emotions, intents, and hate, humour and sarcasm, in images and videos."""
