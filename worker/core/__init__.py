"""The rules: pure functions over values. No I/O, no clock, no randomness.

`decide` answers a command, `advance` continues an operation, `apply_result` counts a PBX result,
`validate` refuses. Rules are tables: `TRANSITIONS`, `VERDICTS`, `REFUSALS`. All values here are
immutable; moments are passed in and have a time zone.
"""
