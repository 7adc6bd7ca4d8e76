"""The rules: pure functions over values. No I/O, no clock, no randomness.

Where a docstring gives the source of a rule, [S] is the operators' help page about activating and
deactivating numbers, [H] another page of the same help centre, and [D] a decision of this project.
"""
