"""SAGE (arXiv 2505.02847): how a simulated user feels after a dialogue with the model."""
