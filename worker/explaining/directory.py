"""What the platform has said of a number, also of one that it has deleted. Pure."""

from collections.abc import Mapping
from typing import Any

__all__ = ["directory_version", "never_provisioned", "why_missing"]


def directory_version(shown: Mapping[str, Any]) -> str:
    """The version of the number's record that was applied last."""
    version = shown["directory_version"]
    return "no message was applied to it" if version is None else f"version {version}"


def never_provisioned(phone_number: str) -> Mapping[str, Any]:
    """A number of which nothing is known."""
    return {"phone_number": phone_number, "deleted": None, "waiting_records": []}


def why_missing(missing: Mapping[str, Any]) -> str:
    """Why a number is not provisioned."""
    deleted = missing["deleted"]
    if deleted is None:
        return "The platform has not stated it to the worker. Write numbers like +442079460000."
    version = deleted["version"]
    applied = "" if version is None else f", the last version of its record {version}"
    return f"The platform has deleted it. Its last sequence is {deleted['sequence']}{applied}."
