"""Figures, their floors, and how they are reported."""
