"""Masks what must not stand in the log: passwords always, phone numbers if a setting says so."""

import re
from typing import Final, Literal

__all__ = ["Numbers", "mask", "mask_numbers", "mask_secrets", "show_numbers"]

Numbers = Literal["full", "masked"]
"""How phone numbers are shown."""

KEPT_FIRST: Final = 4
KEPT_LAST: Final = 2

# Up to the last @ before the next URL: a password may contain an @ that is not encoded.
_URL_PASSWORD: Final = re.compile(r"(?P<before>://[^\s:/@]*:)(?:(?!://)\S)+@")
_NAMED_PASSWORD: Final = re.compile(r"(?i)\b(?P<name>password|passwd|secret)=[^\s\"'&;,\\]+")
# E.164, or else as people write it; a URL writes the plus otherwise.
_NUMBER: Final = re.compile(r"(?:\+|%2[bB])(?:[1-9][0-9]{6,14}|[1-9](?:[ ().\-/]{0,2}[0-9]){6,14})")
_DIGIT: Final = re.compile(r"[0-9]")

_shown: Numbers = "full"


def show_numbers(numbers: Numbers) -> None:
    """Says how `mask` shows phone numbers from now on, in this process."""
    global _shown  # noqa: PLW0603 -- the log is one for the process, too
    _shown = numbers


def mask(text: str) -> str:
    """The text without passwords, and without phone numbers if they are to be masked."""
    text = mask_secrets(text)
    return mask_numbers(text) if _shown == "masked" else text


def mask_secrets(text: str) -> str:
    """The text with the passwords of URLs and connection strings replaced by `***`."""
    if "://" in text:
        text = _URL_PASSWORD.sub(r"\g<before>***@", text)
    if "=" in text:
        text = _NAMED_PASSWORD.sub(r"\g<name>=***", text)
    return text


def mask_numbers(text: str) -> str:
    """The text with all digits of each phone number replaced, but the first four and last two."""
    return _NUMBER.sub(lambda found: _masked(found[0]), text)


def _masked(number: str) -> str:
    start = 3 if number.startswith("%") else 1
    prefix, digits = number[:start], number[start:]
    places = [match.start() for match in _DIGIT.finditer(digits)][KEPT_FIRST:-KEPT_LAST]
    hidden = {*places}
    return prefix + "".join(
        "*" if place in hidden else character for place, character in enumerate(digits)
    )
