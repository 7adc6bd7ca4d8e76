"""How many commands the peers handle side by side."""

CONCURRENT_COMMANDS = 100
"""Of 8, 32 and 100 the best where a relay says what is stored: 383, 389 and 436 commands/s with
FastStream, 403, 447 and 466 without it. Where each handler says it, 32 and 100 are nearly alike:
181 and 203, 212 and 208. Each takes a connection to the database, of which a server has 100 by
default."""
