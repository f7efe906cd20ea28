"""The questions, and the models that answer them."""
