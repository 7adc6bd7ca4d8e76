"""Measures the worker, the physical limit and comparable implementations on the same machine."""
