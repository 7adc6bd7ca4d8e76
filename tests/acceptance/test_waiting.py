"""Any story of commands, results, silence, kills and people ends as a model of it says."""

import asyncio
import contextlib
import os
from collections import Counter
from itertools import count
from typing import Any, NamedTuple

from hypothesis import Phase, given
from hypothesis import settings as configure
from hypothesis import strategies as some

from contracts.catalogue import CATALOGUE, PBX_EXCHANGE
from tests.support.model import AT_RISK, DONE_WORDS, OVERDUE
from tests.support.platform import Event, Platform
from tests.support.stories import LIMIT, NUMBERS, STALE_FROM, Stage, Story, waiting
from tests.support.workers import rows, store
from worker.settings import Settings
from worker.storage.engine import Database

EXAMPLES = int(os.environ.get("STORIES", "20"))

PBX_TYPES = {definition.type for definition in CATALOGUE if definition.exchange == PBX_EXCHANGE}

places = some.integers(0, NUMBERS - 1)
words = some.sampled_from(["done", "done", *DONE_WORDS, *["retry_later", "refused"] * 3])
wishes = some.tuples(some.sampled_from(["activate", "deactivate"]), places)
steps = some.one_of(
    some.tuples(some.just("ask"), wishes.map(lambda wish: [wish])),
    some.tuples(some.just("ask"), wishes.map(lambda wish: [wish])),
    some.tuples(some.just("ask"), some.lists(wishes, min_size=2, max_size=5)),
    some.tuples(some.just("ask_again"), some.integers(0, 5)),
    some.tuples(some.just("ask_otherwise"), some.integers(0, 5)),
    some.tuples(some.just("answer"), places, words, some.integers(0, STALE_FROM + 2)),
    some.tuples(some.just("answer"), places, words, some.integers(0, STALE_FROM)),
    some.tuples(some.just("answer"), places, words, some.integers(0, STALE_FROM)),
    some.tuples(some.just("repeat"), some.integers(0, 5)),
    some.tuples(some.just("later"), some.sampled_from([AT_RISK, OVERDUE])),
    some.tuples(some.just("kill")),
)


async def check(story: Story) -> None:
    """Database, events and ledger say the same as the model."""
    found = await pairs(
        story.stage.database,
        f"SELECT phone_number, status FROM phone_numbers WHERE account_id = '{story.account}'",
    )
    assert found == {number: model.status for number, model in story.model.items()}
    used = Counter(status for status in found.values())
    usage = "SELECT active, pending FROM entitlement_usage WHERE account_id"
    assert await rows(story.stage.database, f"{usage} = '{story.account}'") == [
        (used["ACTIVE"], used["PENDING"])
    ]
    ledger = await pairs(
        story.stage.database,
        "SELECT command_id, outcome FROM commands"
        f" WHERE original AND account_id = '{story.account}'",
    )
    assert {*ledger} == {*story.commands}
    for command, asked in story.commands.items():
        assert (ledger[command] != "rejected") is asked.accepted
        assert ledger[command] != "pending"
    await _check_events(story)


async def pairs(database: Database, query: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in await rows(database, query)}


def _events_of(story: Story) -> list[Event]:
    events: dict[str, Event] = {}
    for event in (*story.stage.platform.events, *story.stage.platform.pbx_messages):
        assert events.setdefault(event["id"], event) == event, "one id, two contents"
    return [event for event in events.values() if event["data"].get("account_id") == story.account]


def _ends(event: Event) -> bool:
    data, kind = event["data"], event["type"].split(".")[2]
    if data.get("code") == "COMMAND_ID_REUSED":
        return False
    if kind == "operation_failed":
        return not data["needs_a_person"]
    wanted = {("activate", "ACTIVE"), ("deactivate", "RESERVED")}
    return kind == "command_rejected" or (
        kind == "status_changed" and (data["operation"], data["status"]) in wanted
    )


class Told(NamedTuple):
    """What was heard of a story: each command's last words, refused reuses, what the PBX got."""

    ends: Counter[str]
    reused: list[str]
    asked: set[tuple[str, str]]


def _told(story: Story) -> Told:
    told = Told(Counter(), [], set())
    for event in _events_of(story):
        command = event["data"]["command_id"]
        told.ends.update([command] * _ends(event))
        if event["data"].get("code") == "COMMAND_ID_REUSED":
            told.reused.append(command)
        if event["type"] in PBX_TYPES:
            told.asked.add((command, event["type"].split(".")[2]))
    told.reused.sort()
    return told


async def _check_events(story: Story) -> None:
    asked = set().union(*(model.asked for model in story.model.values()))
    wanted = Told(Counter(dict.fromkeys(story.commands, 1)), sorted(story.reused), asked)
    # What the broker has confirmed is still on its way to the one who listens.
    with contextlib.suppress(AssertionError):
        await story.stage.platform.until(lambda: _told(story) == wanted)
    assert _told(story) == wanted
    sequences: dict[str, list[int]] = {}
    for event in _events_of(story):
        data = event["data"]
        if event["type"].endswith("status_changed.v1"):
            sequences.setdefault(event["subject"], []).append(data["sequence"])
            assert data["entitlement"]["active"] + data["entitlement"]["pending"] <= LIMIT
    for seen in sequences.values():
        assert seen == list(range(1, len(seen) + 1))


async def told(stage: Stage, account: str, told_steps: list[tuple[Any, ...]]) -> None:
    """One story from its beginning to its end."""
    story = Story(stage, account)
    await store(stage.database, *_site(story))
    # One worker for each story: while the next story is drawn, nobody may use chance.
    stage.start()
    try:
        for step in told_steps:
            await story.tell(step)
        await story.end()
    finally:
        await stage.stop()
    await check(story)


def _site(story: Story) -> list[str]:
    account, in_use = story.account, story.numbers[0]
    numbers = ", ".join(
        f"('{number}', 'london', '{account}', '1{place}', '{story.model[number].status}')"
        for place, number in enumerate(story.numbers)
    )
    return [
        f"""INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
        VALUES ('{account}', '{account}', 'occupier', 'london', {LIMIT})""",
        f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, extension, status)
        VALUES {numbers}""",
        f"INSERT INTO handset_logins VALUES ('{in_use}', 'desk', 'digital')",
        f"INSERT INTO hunt_group_members VALUES ('{in_use}', 'reception')",
    ]


async def test_every_story_ends_as_the_model_says(
    database: Database, settings: Settings, platform: Platform
) -> None:
    loop = asyncio.get_running_loop()
    accounts = (f"{number:06d}" for number in count(1))
    stage = Stage(database, waiting(settings), platform)

    @given(some.lists(steps, min_size=6, max_size=20))
    # Not shrunk: each story that fails costs the patience of its last wait.
    @configure(max_examples=EXAMPLES, phases=[Phase.reuse, Phase.generate])
    def tell(told_steps: list[tuple[Any, ...]]) -> None:
        story = told(stage, next(accounts), told_steps)
        asyncio.run_coroutine_threadsafe(story, loop).result()

    await asyncio.to_thread(tell)
