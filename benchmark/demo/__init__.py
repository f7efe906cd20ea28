"""The embedded clips, drawn by tests/demo_clips, and the run on them."""
