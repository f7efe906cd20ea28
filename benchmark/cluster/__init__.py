"""Runs `hf:` models on several machines with Ray."""
