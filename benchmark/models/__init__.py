"""The models that can be named: those under test, and those of the agents."""
