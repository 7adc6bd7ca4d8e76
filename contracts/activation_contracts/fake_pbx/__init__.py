"""A fake PBX for tests: `python -m activation_contracts.fake_pbx --help`."""
