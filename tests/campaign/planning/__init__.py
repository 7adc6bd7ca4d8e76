"""What a campaign does: its numbers, commands and faults, fixed by the seed."""
