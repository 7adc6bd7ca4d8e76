"""What is decided: pure functions from what is known to what follows. No I/O, no clock."""
