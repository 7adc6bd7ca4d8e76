"""What is to be said next, as far as it need not be looked for."""

from collections import deque
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

from worker.storage.outbox import OutgoingMessage

__all__ = ["Upcoming"]


class Upcoming:
    """The messages that were committed here, kept until they are sent.

    It only saves a look at the database, and for a lone command two of them: everything in it is
    stored. Whenever something may be in the outbox that is not here, it counts for nothing, and
    the outbox is looked at.
    """

    def __init__(self, maximum_messages: int) -> None:
        self._maximum_messages = maximum_messages
        self._messages: deque[OutgoingMessage] = deque()
        self._seen: dict[int, None] = {}
        self._forgotten = 0
        """The last position of which it is not known any more whether a look has found it."""
        self.is_complete = False
        """Whether nothing can be sent now that is not here."""

    def add(self, messages: Collection[OutgoingMessage]) -> None:
        """They were committed: mostly after all that is here, and else all of it is doubtful."""
        # A look may find them before whoever has committed them is told so.
        added = [item for item in messages if item.position not in self._seen]
        is_old = any(item.position <= self._forgotten for item in added)
        overtaken = is_old or self._overtakes(added)
        self._messages.extend(added)
        if overtaken or len(self._messages) > self._maximum_messages:
            self.doubt()

    def _overtakes(self, added: Sequence[OutgoingMessage]) -> bool:
        """Whether anything here should come behind one of these, of the same number.

        The answer to a COMMIT may arrive after the answer to one that had to wait for it.
        """
        first = {item.phone_number: item.position for item in reversed(added)}
        return any(
            item.position > first.get(item.phone_number, item.position) for item in self._messages
        )

    def doubt(self) -> None:
        """Something may be in the outbox that is not here, or may not be sent that is."""
        self.is_complete = False
        self._messages.clear()

    def looked(self, found: Sequence[OutgoingMessage], *, is_all: bool) -> None:
        """The outbox was looked at; what was committed meanwhile may have been seen or not."""
        self._seen.update(dict.fromkeys(message.position for message in found))
        for position in list(self._seen)[: -self._maximum_messages]:
            del self._seen[position]
            self._forgotten = max(self._forgotten, position)
        self._messages = deque(item for item in self._messages if item.position not in self._seen)
        self.is_complete = is_all

    def __len__(self) -> int:
        """How many there are."""
        return len(self._messages)

    def speaks_of(self, phone_numbers: AbstractSet[str]) -> bool:
        """Whether any of them is about one of these numbers."""
        return bool(phone_numbers) and any(
            message.phone_number in phone_numbers for message in self._messages
        )

    def take(self, maximum_messages: int) -> list[OutgoingMessage]:
        """The next ones, in the order of their decisions."""
        count = min(maximum_messages, len(self._messages))
        return [self._messages.popleft() for _ in range(count)]
