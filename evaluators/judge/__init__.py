"""The agents that split an answer into steps and rate each step."""
