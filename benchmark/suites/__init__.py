"""The benchmarks that can be run, a folder each."""
