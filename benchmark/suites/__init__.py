"""The benchmarks that can be run, one a folder."""
