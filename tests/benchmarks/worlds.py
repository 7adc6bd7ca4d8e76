"""The buildings of a benchmark: which numbers there are, and in which state, made by SQL.

Plain numbers come first, RESERVED and ACTIVE in turn: a cycle of commands may begin with either.
Then come numbers in full use: ACTIVE, in a hunt group and logged in at a digital handset.
"""

from dataclasses import dataclass

import asyncpg

SITE = "london"
SERVICES_OF_AN_ACCOUNT = 1_000_000
STRIDE = 7919
"""A prime: steps of this length meet every number once before they meet one again."""
LEDGER_SOURCE = "/benchmark/past"


@dataclass(frozen=True, slots=True)
class World:
    """How many there are of everything."""

    plain: int
    in_full_use: int = 0
    accounts: int = 1000
    ledger_rows: int = 0

    def reserved(self, first: int, count: int) -> list[int]:
        """The places of so many RESERVED numbers, spread over all of them."""
        there = self.plain // 2
        return [index * STRIDE % there * 2 for index in range(first, first + count)]

    def in_use(self, first: int, count: int) -> list[int]:
        """The places of so many numbers in full use."""
        return list(range(self.plain + first, self.plain + first + count))


def phone_number(place: int) -> str:
    """The number at this place; always of one length."""
    return f"+44{place:010}"


def account(place: int, accounts: int) -> str:
    """Who holds it; always of one length."""
    return f"account-{place % accounts:06}"


async def build(database_url: str, world: World) -> None:
    """Fills a migrated database, and lets the planner know."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        for statement in _statements(world):
            await connection.execute(statement)
    finally:
        await connection.close()


def _statements(world: World) -> list[str]:
    every, first_in_use = world.plain + world.in_full_use, world.plain
    number = "'+44' || lpad(place::text, 10, '0')"
    holder = f"'account-' || lpad((place % {world.accounts})::text, 6, '0')"
    return [
        f"""INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
        SELECT 'service-' || place, {holder}, 'occupier', '{SITE}', {SERVICES_OF_AN_ACCOUNT}
        FROM generate_series(0, {world.accounts - 1}) AS place""",
        f"""INSERT INTO phone_numbers (
            phone_number, site_id, account_id, extension, status, features
        )
        SELECT {number}, '{SITE}', {holder}, lpad((place % 10000)::text, 4, '0'),
            CASE WHEN place < {first_in_use} AND place % 2 = 0 THEN 'RESERVED' ELSE 'ACTIVE' END,
            '{{voicemail}}'
        FROM generate_series(0, {every - 1}) AS place""",
        f"""INSERT INTO hunt_group_members (phone_number, hunt_group_id)
        SELECT {number}, 'group-' || {holder}
        FROM generate_series({first_in_use}, {every - 1}) AS place""",
        f"""INSERT INTO handset_logins (phone_number, device_id, device_kind)
        SELECT {number}, 'desk-' || lpad(place::text, 10, '0'), 'digital'
        FROM generate_series({first_in_use}, {every - 1}) AS place""",
        f"""INSERT INTO commands (
            source, command_id, fingerprint, original, operation, phone_number, account_id, site_id,
            correlation_id, received_at, outcome, ended_at
        )
        SELECT '{LEDGER_SOURCE}', 'past-' || place, md5(place::text), true, 'activate',
            '+44' || lpad((place % {every})::text, 10, '0'), {holder}, '{SITE}', 'past-' || place,
            now() - interval '60 days' + place * interval '1 second', 'completed', now()
        FROM generate_series(1, {world.ledger_rows}) AS place""",
        "VACUUM ANALYZE",
    ]
