"""The phone number that a message names, whether or not the message is valid."""

import re
from typing import Final

from activation_contracts.reading import UnreadableError, event_in
from aiormq import spec

__all__ = ["phone_number_of"]

NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def phone_number_of(body: bytes, properties: spec.Basic.Properties) -> str | None:
    """The number in the data of the event; None if it cannot be read."""
    try:
        data = event_in(
            body, properties.content_type, properties.content_encoding, properties.headers or {}
        )["data"]
    except (UnreadableError, LookupError):
        return None
    number = data.get("phone_number") if isinstance(data, dict) else None
    return number if isinstance(number, str) and NUMBER.fullmatch(number) else None
