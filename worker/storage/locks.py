"""The advisory locks of this product: whoever adds one sees here which keys are taken."""

from typing import Final

__all__ = ["IMPORT", "LANE_CHANGE", "MIGRATION", "POST", "TERM"]

MIGRATION: Final = 7_254_001
POST: Final = 7_254_002
"""Of lane 0; the lane is the upper half of the key."""
IMPORT: Final = 7_254_003
LANE_CHANGE: Final = 7_254_004
TERM: Final = 7_254_005
"""Of lane 0, like `POST`; taken only by SQL functions, see lock_of_term.sql."""
