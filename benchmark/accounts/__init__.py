"""What providers allow and charge: limits, retries, prices, budgets."""
