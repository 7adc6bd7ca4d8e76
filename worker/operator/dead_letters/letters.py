"""Lists, replays and discards the messages of the dead-letter queue."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from copy import copy
from typing import Final, NamedTuple

from activation_contracts.catalogue import COMMAND_EXCHANGE
from activation_contracts.topology import QUEUES

from worker.broker.publishing.confirm_channel import NotPublished
from worker.broker.publishing.publication import Publication
from worker.broker.publishing.publisher import Publisher
from worker.operator.dead_letters.overflow import Overflow
from worker.operator.dead_letters.queued import FAILURE_HEADERS, QueuedDeadLetter
from worker.operator.dead_letters.reader import DeadLetterReader, open_queue
from worker.operator.dead_letters.reasons import reasons_of
from worker.runtime.printable import on_one_line, printable
from worker.settings import Settings
from worker.storage.acts import Act, ActItem, Author, begin_act, record_items
from worker.storage.connecting.engine import open_database, transaction_in
from worker.storage.deployment.preflight import require_known_schema
from worker.storage.outbox.dead_letters import uncount_queued

__all__ = [
    "NoSuchDeadLetter",
    "NotReplayed",
    "Selection",
    "discard",
    "look",
    "render",
    "render_summary",
    "replay",
]

COMMAND_KEYS: Final = frozenset(
    binding.routing_key
    for queue in QUEUES
    for binding in queue.bindings
    if binding.exchange == COMMAND_EXCHANGE
)
BODY_SHOWN_CHARACTERS: Final = 160
KEPT_SHOWN: Final = 20
BROKER_PREFIXES: Final = ("x-first-death-", "x-last-death-")
MOVED: Final = (
    "The dead-letter queue is full: {} letters that it did not take back wait in the database. A"
    " running worker puts them back when there is room: replay or discard others, or remove the"
    " policy that limits the queue."
)

Tell = Callable[[str], None]
"""Tells an operator, beside the output of the command."""


class NotReplayed(Exception):
    """Some dead letters were not published; they stay in the queue, the others were replayed."""


class NoSuchDeadLetter(Exception):
    """The dead-letter queue holds no message with this key."""


class Selection(NamedTuple):
    """Which dead letters are meant: those with these keys, or with these reasons, or all."""

    keys: frozenset[str] | None = None
    reasons: frozenset[str] | None = None

    @property
    def is_everything(self) -> bool:
        """Whether no letter is left out."""
        return self.keys is None and self.reasons is None

    def includes(self, letter: QueuedDeadLetter) -> bool:
        """Whether the letter is meant."""
        return (self.keys is None or letter.key in self.keys) and (
            self.reasons is None or not self.reasons.isdisjoint(reasons_of(letter.reason[0]))
        )

    def describe(self) -> str:
        """The options of the command line that select the same."""
        if self.reasons is not None:
            return " ".join(f"--reason {reason}" for reason in sorted(self.reasons))
        return "--all" if self.keys is None else " ".join(sorted(self.keys))


async def look(
    settings: Settings,
    selection: Selection,
    on_letter: Callable[[QueuedDeadLetter], None],
    *,
    tell: Tell,
) -> Counter[str]:
    """Passes on the selected letters in the order of the queue; all of them stay there.

    One at a time, whatever the depth. Returns how many letters of each code the queue holds. An
    error of `on_letter` is raised at the end of the pass: to break it off would change their order.
    Tells if letters were moved to the database, because the queue is full. Raises
    `NoSuchDeadLetter` and `DeadLettersNotKept`.
    """
    counted: Counter[str] = Counter()
    found: set[str] = set()
    failure: Exception | None = None
    async with _opened(settings, tell) as queue:
        async for letter in queue.letters():
            await queue.keep(letter)
            counted[letter.reason[0]] += 1
            if failure is None and selection.includes(letter):
                found.update((selection.keys or frozenset()) & {letter.key})
                try:
                    on_letter(letter)
                except Exception as error:  # noqa: BLE001 -- raised below
                    failure = error
    if failure is not None:
        raise failure
    if missing := (selection.keys or frozenset()) - found:
        raise NoSuchDeadLetter(_missing(missing))
    return counted


async def replay(
    settings: Settings,
    selection: Selection,
    author: Author,
    *,
    tell: Tell,
    routing_key: str | None = None,
) -> int:
    """Publishes the selected letters as they were first, in their order, and removes them.

    Returns how many. Records each after its confirm and before its removal. Raises
    `NoSuchDeadLetter` for missing keys and `NotReplayed` for those that cannot be published, after
    replaying the others, and `DeadLettersNotKept`.
    """

    async def send(letter: QueuedDeadLetter, publisher: Publisher) -> str | None:
        exchange, original = letter.origin
        if not letter.can_be_replayed:
            return f"it comes from the queue {original!r}, which no worker reads"
        target = routing_key or original
        if exchange == COMMAND_EXCHANGE and target not in COMMAND_KEYS:
            # The broker would confirm it, and put it back here.
            return (
                f"no queue is bound for routing key {target!r}; give another with --routing-key:"
                f" {', '.join(sorted(COMMAND_KEYS))}"
            )
        try:
            await publisher.send_unchanged(_original(letter.publication, exchange, target))
        except NotPublished as error:
            return str(error)
        return None

    detail = selection.describe() + (f" --routing-key {routing_key}" if routing_key else "")
    async with _recording(settings, Act.REPLAY_DEAD_LETTER, author, detail) as record:
        return await _remove(settings, selection, record, tell=tell, after=send)


async def discard(settings: Settings, selection: Selection, author: Author, tell: Tell) -> int:
    """Removes the selected letters; returns how many. Records each before. Raises like `replay`."""
    detail = selection.describe()
    async with _recording(settings, Act.DISCARD_DEAD_LETTER, author, detail) as record:
        return await _remove(settings, selection, record, tell=tell)


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


@asynccontextmanager
async def _opened(settings: Settings, tell: Tell) -> AsyncIterator[DeadLetterReader]:
    overflow = Overflow(settings)
    try:
        async with open_queue(settings, overflow) as queue:
            yield queue
    finally:
        if overflow.stored:
            tell(MOVED.format(overflow.stored))


Record = Callable[[QueuedDeadLetter], Awaitable[None]]


@asynccontextmanager
async def _recording(
    settings: Settings, act: Act, author: Author, detail: str
) -> AsyncIterator[Record]:
    """Records letters as items of one act that begins with the first, each in a transaction."""
    begun: list[int] = []
    async with open_database(settings.database_url) as database, database.session() as session:
        # Before any letter is touched.
        await require_known_schema(session)

        async def record(letter: QueuedDeadLetter) -> None:
            code, _ = letter.reason
            words = f"{code}, message {letter.publication.properties.message_id}"
            item = ActItem(letter.phone_number, letter.key, printable(words))
            async with transaction_in(session):
                if not begun:
                    now = database.clock.now()
                    begun.append(
                        await begin_act(session, act, author, now, detail=printable(detail))
                    )
                await record_items(session, begun[0], [item])
                await uncount_queued(session, [code])

        yield record


async def _remove(
    settings: Settings,
    selection: Selection,
    record: Record,
    *,
    tell: Tell,
    after: Callable[[QueuedDeadLetter, Publisher], Awaitable[str | None]] | None = None,
) -> int:
    """Removes the selected letters one by one, each after `after` and then `record` have ended.

    Keeps those for which `after` returns a problem.
    """
    removed = 0
    found: set[str] = set()
    problems: dict[str, str] = {}
    async with _opened(settings, tell) as queue:
        # Without a marker letters that arrive meanwhile are discarded too, and none needs a place.
        marked = after is not None or not selection.is_everything
        async for letter in queue.letters(marked=marked):
            if not selection.includes(letter):
                await queue.keep(letter)
                continue
            found.update((selection.keys or frozenset()) & {letter.key})
            problem = await after(letter, queue.publisher) if after is not None else None
            if problem is not None:
                problems[letter.key] = problem
                await queue.keep(letter)
                continue
            await record(letter)
            await queue.remove()
            removed += 1
    if problems:
        raise NotReplayed(_kept(problems, removed))
    if missing := (selection.keys or frozenset()) - found:
        raise NoSuchDeadLetter(f"{_missing(missing)} Removed: {removed}.")
    return removed


def _kept(problems: Mapping[str, str], removed: int) -> str:
    first = "; ".join(f"{key}: {problem}" for key, problem in [*problems.items()][:KEPT_SHOWN])
    more = len(problems) - KEPT_SHOWN
    return (
        f"These dead letters stay: {first}{f'; and {more} more' if more > 0 else ''}."
        f" Replayed: {removed}."
    )


def _missing(keys: AbstractSet[str]) -> str:
    return (
        f"No dead letter has the key {', '.join(sorted(keys))}."
        " `activation-worker dead-letters list` shows the keys. One that a full queue did not take"
        " waits in the database, and returns when there is room."
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
