"""What is wrong with a value, said to the person who gave it."""

from pydantic_core import ErrorDetails

__all__ = ["explain"]


def explain(problem: ErrorDetails) -> str:
    """What pydantic says, without its own terms; a number is shown as it is written."""
    place = problem["loc"][-1] if problem["loc"] else None
    if place == "phone_number" and problem["type"] == "string_pattern_mismatch":
        return "numbers are written like +442079460000"
    if problem["type"] == "extra_forbidden":
        return "is not a field of this kind of record"
    return problem["msg"].removeprefix("Value error, ")
