"""EmoPrefer (arXiv 2507.04278): which of two descriptions of somebody's emotions people prefer."""
