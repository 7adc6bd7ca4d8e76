"""How many commands the peers handle side by side."""

CONCURRENT_COMMANDS = 100
"""Of 8, 32 and 100 the best where a relay says what is stored: 383, 389 and 436 commands/s with
FastStream, 403, 447 and 466 without it. Where each handler says it, 100 is a tenth better with
FastStream, 181 and 203, and 32 a fiftieth without it, 212 and 208. Each takes a connection to the
database, of which a server has 100 by default."""
