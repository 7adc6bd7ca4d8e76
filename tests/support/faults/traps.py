"""Traps for a proxy: each loses one request, or its reply, or delays the reply."""

import asyncio
from enum import Enum

from tests.support.faults.wire import Request


class Lost(Enum):
    """What does not arrive; the proxy then ends the connection."""

    REQUEST = "request"
    REPLY = "reply"


class Trap:
    """Loses the nth request of a kind, on any connection, or the reply to it.

    Requests are counted by the protocol's boundaries, not by the network's packets. So the same
    run has the same numbers again, no matter which requests travel together.
    """

    def __init__(self, lost: Lost, nth: int = 1, *, of: str = "", about: bytes = b"") -> None:
        self._lost = lost
        self._nth = nth
        self._of = of
        self._about = about
        self.passed: list[str] = []
        """The texts of all matching requests so far."""
        self.sprung = asyncio.Event()
        """Set when the request or the reply was lost."""

    def loses(self, request: Request) -> Lost | None:
        """Counts the request; returns what of it the proxy must lose, if anything."""
        if self._of not in request.text or self._about not in request.content:
            return None
        self.passed.append(request.text)
        return self._lost if len(self.passed) == self._nth else None


class Delay(Trap):
    """Delays the reply to one request: the server has executed it, and the client waits."""

    def __init__(self, *, of: str, about: bytes = b"") -> None:
        super().__init__(Lost.REPLY, of=of, about=about)
        self.arrives = asyncio.Event()
        """The test sets it to deliver the reply, and everything behind it."""

    async def until_released(self) -> None:
        """Returns when the reply may be delivered."""
        self.sprung.set()
        await self.arrives.wait()
