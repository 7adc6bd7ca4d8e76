"""A fake PBX for tests: `python -m contracts.fake_pbx --help`."""
