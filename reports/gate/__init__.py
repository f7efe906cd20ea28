"""The release gate: its limits and its verdict; comparing and merging runs."""
