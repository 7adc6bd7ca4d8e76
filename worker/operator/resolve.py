"""Stores an operator's decision on an operation or an aftermath that cannot proceed by itself."""

from worker.core.operations.results import Resolution, apply_resolution
from worker.settings import Settings
from worker.storage.acts import Act, ActItem, Author, record_act
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session
from worker.storage.loading import load_numbers_locked
from worker.storage.operations import change_operations, write_steps

__all__ = ["NothingToResolve", "resolve_number"]


class NothingToResolve(Exception):
    """The number has no operation under way and no aftermath."""


async def resolve_number(
    settings: Settings, phone_number: str, resolution: Resolution, author: Author
) -> None:
    """Stores the decision and records it; a running worker then advances the operation.

    Raises `NothingToResolve`.
    """
    by = f"{resolution} by {author.name}: {author.reason}"

    async def decide(session: Session) -> None:
        number = (await load_numbers_locked(session, [phone_number])).get(phone_number)
        if number is None or number.ongoing is None:
            raise NothingToResolve(
                f"{phone_number} has no operation under way, and none that left something to do."
                " `activation-worker pending` lists the numbers that have one."
            )
        now = database.clock.now()
        after = apply_resolution(number.ongoing, resolution, now, settings.policy, reason=by)
        await write_steps(session, after.steps)
        await change_operations(session, [number._replace(ongoing=after)])
        if resolution is not Resolution.RETRY:
            await session.change("drop_unsent", phone_number=phone_number)
        item = ActItem(phone_number, number.ongoing.command_id, resolution.value)
        await record_act(session, Act.RESOLVE, author, now, items=[item])

    async with open_database(settings.database_url) as database:
        await database.transact(decide)
