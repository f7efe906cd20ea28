"""Results of a run: files, statistics, gate, tables, page and commands."""
