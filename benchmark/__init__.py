"""The questions, and who answers them."""
