"""General helpers: asyncio, the clock, URLs and TLS, the environment, signals, output."""
