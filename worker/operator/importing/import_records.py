"""The import: applies many records as a whole, or none of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import uuid4

from activation_contracts.records import RecordKind

from worker.core.cause import Cause
from worker.operator.importing.applying import Applying, Counts, Pass
from worker.operator.importing.jsonl import WHOLE_FILE, ImportRefused, Numbered, read_chunks
from worker.operator.importing.progress import Progress, silent
from worker.operator.importing.staging import staged
from worker.storage.acts import Act, Author, begin_act
from worker.storage.connecting.engine import Database, open_database, transaction_in
from worker.storage.connecting.errors import is_conflict, spoils_session
from worker.storage.connecting.session import Session
from worker.storage.deployment.preflight import require_fit
from worker.storage.directory.saving import DirectoryContext
from worker.storage.directory.staging import (
    count_staged,
    enter_alone,
    lock_differences,
    names_a_site,
    partitions_kept,
)

__all__ = ["ImportBusy", "ImportRefused", "Imported", "import_chunks", "import_lines"]

SOURCE: Final = "/activation-worker/import"
"""With its id it identifies an import, as source and id do for a message."""
ATTEMPTS_MAXIMUM: Final = 5
NO_SITE: Final = (
    "no service and no number is in the file: --complete compares what is held at the sites that"
    " they name"
)

DETAIL_DELETIONS: Final = (
    Pass(RecordKind.HANDSET_LOGIN, deletions=True),
    Pass(RecordKind.HUNT_GROUP_MEMBER, deletions=True),
    Pass(RecordKind.CALL_SETTINGS, deletions=True),
)
PASSES: Final = (
    Pass(RecordKind.VOICE_SERVICE),
    Pass(RecordKind.VOICE_SERVICE, deletions=True),
    *DETAIL_DELETIONS,
    Pass(RecordKind.PHONE_NUMBER, deletions=True),
    Pass(RecordKind.PHONE_NUMBER),
    *DETAIL_DELETIONS,
    Pass(RecordKind.CALL_SETTINGS),
    Pass(RecordKind.HUNT_GROUP_MEMBER),
    Pass(RecordKind.HANDSET_LOGIN),
)
"""In this order no record contradicts one that the same file takes away, except for main numbers
that change places: each is refused as a second main number beside the other. New services come
before those that end, and a number before its other records, which end when it changes hands.
The records of older messages that waited for a number are applied with it: of these, too, those
that the file lacks are deleted."""


class ImportBusy(Exception):
    """Another import is under way; nothing was changed."""


class Imported(NamedTuple):
    """What an import has done."""

    import_id: str
    """The `command_id` of the status changes that it published."""
    counts: Mapping[RecordKind, Counts]
    """Of each kind that the file has, or that it deletes."""


async def import_lines(
    database_url: str,
    lines: Iterable[bytes | str],
    *,
    complete: bool = False,
    author: Author | None = None,
    progress: Progress = silent,
) -> Imported:
    """Applies the records of JSON Lines, in any order, by the rules for directory messages.

    All or nothing, in one transaction, which begins after the last line was read and changes only
    what differs. With `complete`, the file is the whole truth for the sites that it names: what
    they lack there is deleted. With `author` it is recorded as an act of that operator. Raises
    `ImportRefused`, `ImportBusy`, and `NotReady` if the schema is of another version.
    """
    return await import_chunks(
        database_url, read_chunks(lines), complete=complete, author=author, progress=progress
    )


async def import_chunks(
    database_url: str,
    chunks: Iterator[Sequence[Numbered]],
    *,
    complete: bool = False,
    author: Author | None = None,
    progress: Progress = silent,
) -> Imported:
    """Like `import_lines`, for records that `read_chunks` reads."""
    import_id = str(uuid4())
    async with open_database(database_url) as database:
        async with database.session() as session:
            await require_fit(session)
        async with staged(database, chunks) as session:
            if complete and not await names_a_site(session):
                raise ImportRefused.of(WHOLE_FILE, NO_SITE)
            cause = Cause(SOURCE, import_id, import_id)
            work = _Import(database, session, cause, complete, author, progress)
            return Imported(import_id, await work.until_stored())


class _Import(NamedTuple):
    """The transaction that follows when all records are staged."""

    database: Database
    session: Session
    cause: Cause
    complete: bool
    author: Author | None
    progress: Progress

    async def until_stored(self) -> Mapping[RecordKind, Counts]:
        """Repeats the transaction while it conflicts with others: what was staged stays."""
        attempts = 1
        while True:
            try:
                async with transaction_in(self.session):
                    return await self._store()
            except Exception as error:
                if attempts == ATTEMPTS_MAXIMUM or not is_conflict(error) or spoils_session(error):
                    raise
                attempts += 1

    async def _store(self) -> Mapping[RecordKind, Counts]:
        if not await enter_alone(self.session):
            raise ImportBusy("Another import is under way. Start this one again when it has ended.")
        partitions = await partitions_kept(self.session)
        await lock_differences(self.session, complete=self.complete)
        context = DirectoryContext(partitions, self.database.clock.now())
        applying = Applying(
            self.session,
            context,
            self.cause,
            staged=await count_staged(self.session),
            progress=self.progress,
        )
        await applying.run(step for step in PASSES if self.complete or not step.deletions)
        if self.author is not None:
            detail = f"{self.cause.id}{', --complete' if self.complete else ''}"
            await begin_act(self.session, Act.IMPORT, self.author, context.now, detail=detail)
        return applying.counts
