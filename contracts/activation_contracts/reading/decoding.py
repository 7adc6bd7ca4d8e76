"""Decodes a body: its content type, its content encoding, and its JSON."""

import json
import re
import zlib
from collections import Counter
from typing import Final, NoReturn

from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.reading.errors import ReadErrorCode, UnreadableError, shown

__all__ = [
    "BODY_MAXIMUM_BYTES",
    "PUBLISHED_MAXIMUM_BYTES",
    "check_content_type",
    "decompressed",
    "is_json_type",
    "parse_json",
]

BODY_MAXIMUM_BYTES: Final = 65_536
"""64 KiB, the limit for what the worker receives. CloudEvents requires all parties to forward this
size; commands are far smaller."""

PUBLISHED_MAXIMUM_BYTES: Final = 134_217_728
"""128 MiB, the limit for what the worker publishes. RabbitMQ carries no larger message unless its
operator allows it, so this only stops a compressed body that unfolds without end."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

UNSPECIFIC_TYPES: Final = frozenset({"", "application/octet-stream", "text/plain"})
"""What client libraries set if the publisher names no content type."""

UNCOMPRESSED: Final = frozenset(
    {"", "utf-8", "utf8", "us-ascii", "ascii", "identity", "binary", "8bit"}
)
"""Content encodings that change nothing. Many client libraries name the character set here."""

GZIP: Final = (["gzip"], ["x-gzip"])
GZIP_WINDOW_BITS: Final = 31

_JSON_TYPE: Final = re.compile(r"(application|text)/json|[a-z0-9.-]+/[^/+\s]+(\+[^/+\s]+)*\+json")

_OTHER_ENCODINGS: Final = (
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\x1f\x8b", "gzip without the content encoding gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x00Sw", "a value section of AMQP 1.0, not a data section"),
)
"""The first bytes of bodies that are not UTF-8, and what they are."""


def is_json_type(media_type: str) -> bool:
    """Whether a media type is JSON, with or without parameters, in any case."""
    return bool(_JSON_TYPE.fullmatch(media_type.partition(";")[0].strip().lower()))


def check_content_type(content_type: str | None) -> None:
    """Raises `UnreadableError` if the content type excludes JSON."""
    if content_type == CONTENT_TYPE:
        return
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type in UNSPECIFIC_TYPES or is_json_type(media_type):
        return
    raise UnreadableError(
        ReadErrorCode.CONTENT_TYPE_UNSUPPORTED,
        f"content type is {shown(content_type)}, expected {CONTENT_TYPE}",
    )


def decompressed(body: bytes, content_encoding: str | None, maximum_bytes: int) -> bytes:
    """The body without its compression. Raises `UnreadableError` if it is too large."""
    if len(body) > maximum_bytes:
        raise _too_large(f"the body has {len(body)} bytes", maximum_bytes)
    if not content_encoding:
        return body
    # Some libraries write both, as in `gzip:UTF-8`.
    names = [name.strip() for name in re.split("[,:;]", content_encoding.lower())]
    compressions = [name for name in names if name not in UNCOMPRESSED]
    if not compressions:
        return body
    if compressions not in GZIP:
        raise UnreadableError(
            ReadErrorCode.CONTENT_ENCODING_INVALID,
            f"content encoding is {shown(content_encoding)}: send the JSON as UTF-8, uncompressed"
            " or as gzip",
        )
    return _unzipped(body, maximum_bytes)


def _unzipped(body: bytes, maximum_bytes: int) -> bytes:
    unzip = zlib.decompressobj(GZIP_WINDOW_BITS)
    try:
        content = unzip.decompress(body, maximum_bytes + 1)
    except zlib.error:
        raise UnreadableError(
            ReadErrorCode.CONTENT_ENCODING_INVALID,
            "the content encoding is gzip, and the body is not gzip: omit the content encoding or"
            " compress the body",
        ) from None
    if len(content) > maximum_bytes:
        raise _too_large(
            f"the decompressed body has more than {maximum_bytes} bytes", maximum_bytes
        )
    if not unzip.eof or unzip.unused_data:
        raise UnreadableError(
            ReadErrorCode.CONTENT_ENCODING_INVALID,
            "the gzip data is cut short or is followed by other data",
        )
    return content


def _too_large(problem: str, maximum_bytes: int) -> UnreadableError:
    return UnreadableError(
        ReadErrorCode.BODY_TOO_LARGE, f"{problem}, the maximum is {maximum_bytes}"
    )


def parse_json(content: bytes) -> object:
    """The JSON value in the content; a byte order mark before it is ignored.

    Raises `UnreadableError` for everything that two readers could understand differently.
    """
    text = content.removeprefix(BYTE_ORDER_MARK)
    try:
        parsed: object = _DECODER.decode(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UnreadableError(ReadErrorCode.NOT_UTF8, _encoding_of(text, error.start)) from None
    except RecursionError:
        raise UnreadableError(
            ReadErrorCode.NESTED_TOO_DEEPLY, "the JSON is nested too deeply"
        ) from None
    except ValueError as error:
        if b"\x00" in text:
            detail = "it holds NUL bytes, as UTF-16 does: send UTF-8"
            raise UnreadableError(ReadErrorCode.NOT_UTF8, detail) from None
        raise UnreadableError(ReadErrorCode.NOT_JSON, f"not JSON: {error}") from None
    return parsed


def _encoding_of(text: bytes, start: int) -> str:
    for beginning, name in _OTHER_ENCODINGS:
        if text.startswith(beginning):
            return f"it is {name}: send UTF-8"
    return f"not UTF-8 at byte {start}"


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Parsers disagree about which of two equal keys counts. A message that two readers understand
    # differently must not be processed.
    unique_pairs = dict(pairs)
    if len(unique_pairs) < len(pairs):
        ((repeated, _),) = Counter(name for name, _ in pairs).most_common(1)
        detail = f"the key {shown(repeated)} occurs twice"
        raise UnreadableError(ReadErrorCode.DUPLICATE_KEY, detail)
    return unique_pairs


def _reject_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON number"
    raise ValueError(message)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_reject_constant)
