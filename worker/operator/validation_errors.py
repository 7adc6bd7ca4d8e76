"""Translates pydantic's validation errors for the person who gave the value."""

from activation_contracts.reading.errors import message_of
from pydantic_core import ErrorDetails

__all__ = ["explain"]


def explain(problem: ErrorDetails) -> str:
    """The message of a validation error, without pydantic's own terms."""
    field = problem["loc"][-1] if problem["loc"] else None
    if field == "phone_number" and problem["type"] == "string_pattern_mismatch":
        return "write numbers like +442079460000"
    if problem["type"] == "extra_forbidden":
        return "is not a field of this kind of record: remove it or correct its name"
    return message_of(problem)
