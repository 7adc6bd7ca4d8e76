"""Reads environment variables: values, values from files, and what a cluster adds by itself."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["FILE_SUFFIX", "SettingsError", "is_service_link", "read_value"]

FILE_SUFFIX: Final = "_FILE"
FILE_MAXIMUM_BYTES: Final = 1 << 16

PATH: Final = re.compile(r"[./][^\s=@]*")
"""What may be shown as a path. Anything else may be the secret itself, in the wrong variable."""
NUMBER: Final = re.compile(r"[0-9]{1,5}")
SERVICE_URL: Final = re.compile(r"(tcp|udp|sctp)://\S+:[0-9]{1,5}")
SERVICE_LINKS: Final[Mapping[str, re.Pattern[str]]] = {
    r"_SERVICE_PORT(_[A-Z0-9_]+)?": NUMBER,
    r"_PORT": SERVICE_URL,
    r"_PORT_[0-9]+_(TCP|UDP|SCTP)": SERVICE_URL,
    r"_PORT_[0-9]+_(TCP|UDP|SCTP)_PORT": NUMBER,
    r"_PORT_[0-9]+_(TCP|UDP|SCTP)_PROTO": re.compile("tcp|udp|sctp"),
}
"""How the names of variables end that Kubernetes sets for each Service, with their values."""
SERVICE_ADDRESS: Final = r"(_SERVICE_HOST|_PORT_[0-9]+_(TCP|UDP|SCTP)_ADDR)"
"""How the names of those end that hold an IP address."""
SERVICE_NAME: Final = r"[A-Z][A-Z0-9_]*"


class SettingsError(Exception):
    """A setting is unknown or wrong; the text says which and what to do."""


def is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes set this variable for a Service of the namespace (`enableServiceLinks`).

    A Service named `worker` makes WORKER_PORT and more. Name and value must both fit, because
    WORKER_HTTP_PORT is a setting, and also what a Service named `worker-http` makes.
    """
    if re.fullmatch(SERVICE_NAME + SERVICE_ADDRESS, name):
        return _is_address(value)
    return any(
        re.fullmatch(SERVICE_NAME + ending, name) and pattern.fullmatch(value)
        for ending, pattern in SERVICE_LINKS.items()
    )


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def read_value(name: str, value: str) -> str:
    """The value of a variable, or of the file that it names, without white space around it.

    Raises `SettingsError` for a file that cannot be read, or that is empty, and for a value in
    quotation marks: files of variables for containers keep them.
    """
    read = value.strip() if not name.endswith(FILE_SUFFIX) else _read_file(name, value)
    if len(read) > 1 and read[0] == read[-1] and read[0] in "'\"":
        raise SettingsError(f"{name}: leave out the quotation marks around the value.")
    return read


def _read_file(name: str, value: str) -> str:
    try:
        with Path(value.strip()).open("rb") as file:
            # utf-8-sig: some editors begin a file with a byte order mark.
            text = file.read(FILE_MAXIMUM_BYTES).decode("utf-8-sig").strip()
    except (OSError, ValueError) as error:
        if not PATH.fullmatch(value.strip()):
            raise SettingsError(
                f"{name} must be the path of a file, from / or ./ on: write the value itself into"
                f" {name.removesuffix(FILE_SUFFIX)}, or into a file."
            ) from None
        reason = (isinstance(error, OSError) and error.strerror) or "it is not UTF-8 text"
        raise SettingsError(
            f"{name} names the file {value}, which cannot be read: {reason}."
            " Correct the path or the file's permissions."
        ) from None
    if not text:
        raise SettingsError(
            f"{name} names the file {value}, which is empty: write the value into it."
        )
    return text
