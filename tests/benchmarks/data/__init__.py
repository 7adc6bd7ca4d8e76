"""What a run of the benchmark consists of: dataset, commands and expected messages."""
