"""Models of `hf:` on several machines, placed by Ray."""
