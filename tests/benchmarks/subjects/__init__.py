"""The subjects of the benchmark, each with what it measures by itself."""
