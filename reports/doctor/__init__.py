"""Checks whether this machine and the endpoints can do a run."""
