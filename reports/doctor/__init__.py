"""Whether this machine and this endpoint can do a run."""
