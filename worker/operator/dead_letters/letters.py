"""Lists, replays and discards the messages of the dead-letter queue."""

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from copy import copy
from typing import Final

from worker.broker.publishing.confirm_channel import NotPublished
from worker.broker.publishing.publication import Publication
from worker.broker.publishing.publisher import Publisher
from worker.operator.dead_letters.reader import FAILURE_HEADERS, QueuedDeadLetter, open_queue
from worker.runtime.printable import on_one_line, printable
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.gauges import DATABASE_FAILURES
from worker.storage.outbox.dead_letters import uncount_queued

__all__ = [
    "NoSuchDeadLetter",
    "NotReplayed",
    "discard",
    "find",
    "list_all",
    "render",
    "render_summary",
    "replay",
]

BODY_SHOWN_CHARACTERS: Final = 160
BROKER_PREFIXES: Final = ("x-first-death-", "x-last-death-")


class NotReplayed(Exception):
    """Some dead letters were not published; they stay in the queue, the others were replayed."""


class NoSuchDeadLetter(Exception):
    """The dead-letter queue holds no message with this key."""


async def list_all(settings: Settings) -> list[QueuedDeadLetter]:
    """All dead letters in the order of the queue; they stay there. Raises `DeadLettersNotKept`."""
    letters: list[QueuedDeadLetter] = []
    async with open_queue(settings) as queue:
        async for letter in queue.letters():
            await queue.keep(letter)
            letters.append(letter)
    return letters


async def find(settings: Settings, key: str) -> QueuedDeadLetter:
    """The dead letter with this key. Raises `NoSuchDeadLetter` and `DeadLettersNotKept`."""
    for letter in await list_all(settings):
        if letter.key == key:
            return letter
    raise NoSuchDeadLetter(_missing({key}))


async def replay(
    settings: Settings, keys: AbstractSet[str] | None, routing_key: str | None = None
) -> int:
    """Publishes those with these keys (None: all) as they were first, then removes them.

    Returns how many. Raises `NoSuchDeadLetter` for missing keys and `NotReplayed` for those that
    cannot be published, after replaying the others, and `DeadLettersNotKept`.
    """

    async def send(letter: QueuedDeadLetter, publisher: Publisher) -> str | None:
        exchange, original = letter.origin
        if not letter.can_be_replayed:
            return f"it comes from the queue {original!r}, which no worker reads"
        try:
            await publisher.send_unchanged(
                _original(letter.publication, exchange, routing_key or original)
            )
        except NotPublished as error:
            return str(error)
        return None

    return await _remove(settings, keys, after=send)


async def discard(settings: Settings, keys: AbstractSet[str] | None) -> int:
    """Removes those with these keys (None: all); returns how many. Raises like `replay`."""
    return await _remove(settings, keys)


def render_summary(letter: QueuedDeadLetter) -> str:
    """Two lines: its key, time and reason, and the beginning of its body."""
    facts = printable(letter.as_dict())
    body = on_one_line(letter.publication.body.decode(errors="replace"))[:BODY_SHOWN_CHARACTERS]
    when = facts["failed_at"] or "-"
    return f"{letter.key}  {when}  {facts['code']}: {facts['detail']}\n    {body}"


def render(letter: QueuedDeadLetter) -> str:
    """All of it, one fact on each line, and its body, indented."""
    facts = letter.as_dict()
    body = str(facts.pop("body")).split("\n")
    lines = [
        f"{name.replace('_', ' '):<13} {value or '-'}" for name, value in printable(facts).items()
    ]
    return "\n".join([*lines, "", *(f"    {printable(line)}" for line in body)])


async def _remove(
    settings: Settings,
    keys: AbstractSet[str] | None,
    *,
    after: Callable[[QueuedDeadLetter, Publisher], Awaitable[str | None]] | None = None,
) -> int:
    """Removes dead letters one by one, each after `after` has finished with it.

    Keeps those for which it returns a problem.
    """
    removed: list[str] = []
    codes: list[str] = []
    problems: dict[str, str] = {}
    async with open_queue(settings) as queue:
        # Without a marker a full queue can be emptied too.
        async for letter in queue.letters(marked=keys is not None or after is not None):
            if keys is not None and letter.key not in keys:
                await queue.keep(letter)
                continue
            problem = await after(letter, queue.publisher) if after is not None else None
            if problem is not None:
                problems[letter.key] = problem
                await queue.keep(letter)
                continue
            await queue.remove()
            removed.append(letter.key)
            codes.append(letter.reason[0])
    await _uncount(settings, codes)
    if problems:
        kept = "; ".join(f"{key}: {problem}" for key, problem in problems.items())
        raise NotReplayed(f"These dead letters stay: {kept}. Replayed: {len(removed)}.")
    missing = (keys or frozenset()) - set(removed) - problems.keys()
    if missing:
        raise NoSuchDeadLetter(f"{_missing(missing)} Removed: {len(removed)}.")
    return len(removed)


async def _uncount(settings: Settings, codes: Sequence[str]) -> None:
    # For the metrics alone: without the database they are wrong until the queue is empty.
    with suppress(*DATABASE_FAILURES):
        async with open_database(settings.database_url) as database:
            await database.transact(lambda session: uncount_queued(session, codes))


def _missing(keys: AbstractSet[str]) -> str:
    return (
        f"No dead letter has the key {', '.join(sorted(keys))}."
        " `activation-worker dead-letters list` shows the keys."
    )


def _original(letter: Publication, exchange: str, routing_key: str) -> Publication:
    headers = {
        name: value
        for name, value in (letter.properties.headers or {}).items()
        if name not in FAILURE_HEADERS and not name.startswith(BROKER_PREFIXES)
    }
    properties = copy(letter.properties)
    properties.headers = headers
    return Publication(exchange, routing_key, properties, letter.body)
