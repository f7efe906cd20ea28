"""The models under test and the agents' models, by how they are named."""
