"""The phone numbers and accounts of a benchmark, inserted by SQL.

Plain numbers come first, alternately RESERVED and ACTIVE. Numbers in full use follow: ACTIVE,
member of a hunt group and logged in at a digital handset.
"""

from dataclasses import dataclass

import asyncpg

SITE = "london"
SERVICES_OF_AN_ACCOUNT = 1_000_000
STRIDE = 7919
"""A prime that does not divide the number of indexes: steps of this length visit each once."""
LEDGER_SOURCE = "/benchmark/past"


@dataclass(frozen=True, slots=True)
class Dataset:
    """How many rows of each kind there are."""

    plain: int
    in_full_use: int = 0
    accounts: int = 1000
    ledger_rows: int = 0

    def reserved(self, first: int, count: int) -> list[int]:
        """The indexes of RESERVED numbers, spread over all of them."""
        reserved_count = self.plain // 2
        return [index * STRIDE % reserved_count * 2 for index in range(first, first + count)]

    def in_use(self, first: int, count: int) -> list[int]:
        """The indexes of numbers in full use."""
        return list(range(self.plain + first, self.plain + first + count))


def phone_number(index: int) -> str:
    """The number with this index, in a fixed length."""
    return f"+44{index:010}"


def account(index: int, accounts: int) -> str:
    """The account that holds the number with this index, in a fixed length."""
    return f"account-{index % accounts:06}"


async def build(database_url: str, dataset: Dataset) -> None:
    """Fills a migrated database and updates the planner's statistics."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        for statement in _statements(dataset):
            await connection.execute(statement)
    finally:
        await connection.close()


def _statements(dataset: Dataset) -> list[str]:
    total, first_in_use = dataset.plain + dataset.in_full_use, dataset.plain
    number = "'+44' || lpad(index::text, 10, '0')"
    holder = f"'account-' || lpad((index % {dataset.accounts})::text, 6, '0')"
    return [
        f"""INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
        SELECT 'service-' || index, {holder}, 'occupier', '{SITE}', {SERVICES_OF_AN_ACCOUNT}
        FROM generate_series(0, {dataset.accounts - 1}) AS index""",
        f"""INSERT INTO phone_numbers (
            phone_number, site_id, account_id, extension, status, features
        )
        SELECT {number}, '{SITE}', {holder}, lpad((index % 10000)::text, 4, '0'),
            CASE WHEN index < {first_in_use} AND index % 2 = 0 THEN 'RESERVED' ELSE 'ACTIVE' END,
            '{{voicemail}}'
        FROM generate_series(0, {total - 1}) AS index""",
        f"""INSERT INTO hunt_group_members (phone_number, hunt_group_id)
        SELECT {number}, 'group-' || {holder}
        FROM generate_series({first_in_use}, {total - 1}) AS index""",
        f"""INSERT INTO handset_logins (phone_number, device_id, device_kind)
        SELECT {number}, 'desk-' || lpad(index::text, 10, '0'), 'digital'
        FROM generate_series({first_in_use}, {total - 1}) AS index""",
        f"""INSERT INTO commands (
            source, command_id, fingerprint, original, operation, phone_number, account_id, site_id,
            correlation_id, received_at, outcome, ended_at, answer
        )
        SELECT '{LEDGER_SOURCE}', 'past-' || index, md5(index::text), true, 'activate',
            '+44' || lpad((index % {total})::text, 10, '0'), {holder}, '{SITE}', 'past-' || index,
            now() - interval '60 days' + index * interval '1 second', 'completed', now(), '{{}}'
        FROM generate_series(1, {dataset.ledger_rows}) AS index""",
        "VACUUM ANALYZE",
    ]
