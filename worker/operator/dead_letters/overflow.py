"""Where letters wait that a full dead-letter queue does not take back: the table of the workers."""

from collections.abc import Sequence

from activation_contracts.dead_letters import DeadLetterCode

from worker.broker.forwarding import DEAD_LETTER_HEADERS, stripped
from worker.broker.publishing.publication import Publication, encode_properties
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session
from worker.storage.deployment.preflight import require_known_schema
from worker.storage.outbox.dead_letters import store_dead_letters, uncount_queued

__all__ = ["Overflow"]


class Overflow:
    """Moves letters to the database, from where a worker puts them back when there is room.

    They keep their order and their KEYs. It connects only when it is used: a queue with room needs
    no database.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.stored = 0
        """How many letters were moved."""

    async def require(self) -> None:
        """Raises what storing would raise, before a letter is taken out of the queue."""
        await self.store([])

    async def store(self, letters: Sequence[Publication]) -> None:
        """Stores the letters; take them out of the queue afterwards."""
        rows = [(_encoded(letter), letter.body) for letter in letters]
        codes = [_code(letter) for letter in letters]

        async def store(session: Session) -> None:
            await require_known_schema(session)
            await store_dead_letters(session, rows, database.clock.now())
            # The relay counts each once more when the queue has confirmed it.
            await uncount_queued(session, codes)

        async with open_database(self._settings.database_url) as database:
            await database.transact(store)
        self.stored += len(letters)


def _encoded(letter: Publication) -> bytes:
    try:
        return encode_properties(letter.properties)
    except ValueError:
        headers = letter.properties.headers or {}
        kept = [name for name in DEAD_LETTER_HEADERS if name in headers]
        return encode_properties(stripped(letter, kept).properties)


def _code(letter: Publication) -> str:
    headers = letter.properties.headers or {}
    return str(headers.get("x-error-code", DeadLetterCode.NOT_ROUTED))
