"""How many commands the peers handle side by side."""

import os

CONCURRENT_COMMANDS = int(os.environ.get("BENCHMARK_CONCURRENCY", "100"))
