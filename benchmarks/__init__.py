"""Measured comparisons of the numeric core with its peers: `python -m benchmarks`."""
