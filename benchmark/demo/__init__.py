"""The embedded clips, and the run of them; tests/demo_clips draws them."""
