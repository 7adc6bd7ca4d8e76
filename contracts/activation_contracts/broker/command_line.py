"""What the command lines of the programs share that use a broker."""

from typing import Final
from urllib.parse import urlsplit

__all__ = [
    "BROKER_MISSING",
    "DEFAULT_URL",
    "URL_FORM",
    "is_amqp_url",
    "printable",
]

DEFAULT_URL: Final = "amqp://guest:guest@127.0.0.1:5672/"

URL_FORM: Final = (
    "expected amqp://user:password@host:port/virtual-host, where special characters are"
    " percent-encoded: write @ as %40, and / as %2F."
)

BROKER_MISSING: Final = "run pip install 'activation-worker-contracts[broker]'"
"""The remedy if aio-pika is missing."""


def printable(text: str) -> str:
    """The text with its control characters escaped: messages may contain them.

    They must not reach the terminal.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def is_amqp_url(url: str) -> bool:
    """Whether it has the form of an AMQP URL.

    Asked before a library sees the URL: its errors quote it, perhaps with a part of the password.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme in {"amqp", "amqps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
