"""Compares the contracts with the last released ones: what breaks whom, and what is an addition.

`check` compares, `release` keeps the exported contracts as those of this version. Decision record
52 has the reasons.
"""
