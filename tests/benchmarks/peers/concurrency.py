"""The number of commands that the peers handle concurrently."""

CONCURRENT_COMMANDS = 100
"""The best of 8, 32 and 100 with a relay: 383, 389 and 436 commands/s for FastStream, 403, 447 and
466 for aio-pika. With handlers that publish, FastStream reached 181 with 32 and 203 with 100,
aio-pika 212 and 208. Each command in progress uses a database connection; a server has 100 by
default."""
