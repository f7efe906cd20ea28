"""Samples: read from a folder, a table or the hub, checked and selected."""
