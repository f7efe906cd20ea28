"""A server for models with code of their own: one file, so that it can be copied into their environment."""
