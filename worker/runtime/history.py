"""How many days the history may be kept; separate, so that the command line loads no settings."""

from typing import Final

__all__ = ["HISTORY_DAYS_MAXIMUM", "HISTORY_DAYS_MINIMUM"]

HISTORY_DAYS_MINIMUM: Final = 30
"""A repeat of a command whose record is deleted counts as a new command."""
HISTORY_DAYS_MAXIMUM: Final = 36_500
