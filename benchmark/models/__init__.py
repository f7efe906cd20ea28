"""The adapters behind `--model`, one module each, found by name in `benchmark.model`."""
