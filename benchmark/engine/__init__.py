"""The run's loop: what is asked when, and which process takes which case."""
