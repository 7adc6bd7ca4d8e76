"""The messages that the worker sends."""

from typing import Final

from activation_contracts.catalogue import CATALOGUE

__all__ = ["SENT"]

SENT: Final = {row.type: row for row in CATALOGUE if row.direction != "received"}
"""The messages that the worker sends, by type."""
