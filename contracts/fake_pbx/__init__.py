"""A PBX to test against: `python -m contracts.fake_pbx --help`."""
