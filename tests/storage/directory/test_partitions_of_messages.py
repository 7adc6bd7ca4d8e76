"""A number that changes accounts takes its unsent messages along to its new partition."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from activation_contracts.records import PhoneNumberKey, PhoneNumberRecord

from tests.support.data.awaiting import NUMBER
from tests.support.data.inserts import outbox_message, phone_numbers
from tests.support.workers import rows, store
from worker.core.cause import Cause
from worker.core.directory.change import Change
from worker.core.partitions import partition_of
from worker.storage.connecting.engine import Database
from worker.storage.directory.applying import apply_changes
from worker.storage.directory.saving import DirectoryContext

PARTITIONS = 16
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACME, GLOBEX, NONE = ({"account_id": account} for account in ("acme", "globex", None))
GONE: Mapping[str, object] = {"deleted": True}


def change(version: int, said: Mapping[str, object]) -> Change:
    """What the platform says of the number: its account, or that it is gone."""
    cause = Cause("/tests", f"change-{version}", "story", None, None)
    if said is GONE:
        return Change(PhoneNumberKey(phone_number=NUMBER), version, cause, deleted=True)
    record = PhoneNumberRecord(phone_number=NUMBER, site_id="london", **said)  # type: ignore[arg-type]
    return Change(record, version, cause)


@pytest.mark.parametrize(
    ("batches", "last_holder"),
    [
        pytest.param([[GLOBEX]], "globex", id="another account"),
        pytest.param([[NONE]], "", id="no account"),
        pytest.param([[NONE, GLOBEX]], "globex", id="another account, by way of none"),
        pytest.param([[NONE], [GLOBEX]], "globex", id="the same in two batches"),
        pytest.param([[NONE, GLOBEX, NONE, ACME]], "acme", id="there and back"),
        pytest.param([[GONE], [GLOBEX]], "globex", id="provisioned again for another account"),
        pytest.param([[NONE, GLOBEX, GONE, ACME]], "acme", id="the same in one batch"),
    ],
)
async def test_unsent_messages_of_a_number_are_all_in_its_partition(
    database: Database, batches: Sequence[Sequence[Mapping[str, object]]], last_holder: str
) -> None:
    before = partition_of("acme/london", PARTITIONS)
    await store(
        database,
        phone_numbers(NUMBER),
        outbox_message(NUMBER, partition=before),
        outbox_message("+442079469999", partition=before),
    )
    version = 0
    for batch in batches:
        changes = [change(version := version + 1, said) for said in batch]
        async with database.transaction() as session:
            await apply_changes(session, DirectoryContext(PARTITIONS, NOW), changes)

    of_number = f"SELECT DISTINCT partition FROM outbox WHERE subject = '{NUMBER}'"
    assert await rows(database, of_number) == [(partition_of(f"{last_holder}/london", PARTITIONS),)]
    others = f"SELECT partition FROM outbox WHERE subject <> '{NUMBER}'"
    assert await rows(database, others) == [(before,)]
