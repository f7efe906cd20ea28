"""A gate: its limits, its verdict, and runs compared or merged."""
