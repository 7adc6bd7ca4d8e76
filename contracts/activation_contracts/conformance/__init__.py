"""Checks a PBX against docs/pbx.md: `python -m activation_contracts.conformance --help`."""
