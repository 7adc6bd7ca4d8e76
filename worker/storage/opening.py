"""The beginning of a transaction, which travels with its first statement.

The driver waits for the answer to whatever it sends. Nobody needs the answer to a BEGIN, and a lone
command would wait for two of them: without that it is answered one part in thirty earlier. The
driver passes over the answers, whether it prepares the first statement or runs it, and tells a
refusal as that of the first statement. It has promised neither; its version is fixed for that, and
tests/cluster/test_leadership.py shows both.
"""

import struct
from functools import lru_cache
from typing import Final

__all__ = ["opening"]

_LENGTH: Final = struct.Struct(">i")
_FENCES_REMEMBERED: Final = 256
"""One for each post that this worker holds."""


@lru_cache(_FENCES_REMEMBERED)
def opening(*statements: str) -> bytes:
    """Statements that have no parameters and find no rows, in PostgreSQL's extended protocol.

    They have no Sync of their own. A server that refuses one of them drops all that it gets until
    the next Sync: so what follows must have parameters, for what has none the driver may send
    without a Sync, and would wait in vain.
    """
    return b"".join(map(_carried_out, statements))


def _carried_out(statement: str) -> bytes:
    parse = _message(b"P", b"\0" + statement.encode() + b"\0" + b"\0\0")
    bind = _message(b"B", b"\0\0" + b"\0\0" * 3)
    execute = _message(b"E", b"\0" + b"\0\0\0\0")
    return parse + bind + execute


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + _LENGTH.pack(_LENGTH.size + len(content)) + content
