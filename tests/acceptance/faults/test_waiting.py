"""Random stories of commands, PBX results, silence, kills and operators, compared with a model."""

import asyncio
import contextlib
import os
from collections import Counter
from itertools import count
from typing import Any, NamedTuple

from activation_contracts.catalogue import CATALOGUE, PBX_EXCHANGE
from hypothesis import Phase, given
from hypothesis import settings as configure
from hypothesis import strategies as some

from tests.support.faults.lossy import distinct_events
from tests.support.platform import Event, Platform
from tests.support.stories.model import AT_RISK, DONE_RESULTS, OVERDUE
from tests.support.stories.stories import LIMIT, NUMBERS, STALE_FROM, Story
from tests.support.stories.story_harness import StoryHarness, awaiting_all_steps
from tests.support.workers import rows
from worker.settings import Settings
from worker.storage.connecting.engine import Database

EXAMPLES = int(os.environ.get("STORIES", "8"))

PBX_TYPES = {definition.type for definition in CATALOGUE if definition.exchange == PBX_EXCHANGE}

places = some.integers(0, NUMBERS - 1)
results = some.sampled_from(["done", "done", *DONE_RESULTS, *["retry_later", "refused"] * 3])
drawn_commands = some.tuples(some.sampled_from(["activate", "deactivate"]), places)
single_commands = some.tuples(
    some.just("send_commands"), drawn_commands.map(lambda command: [command])
)
results_of_open_steps = some.tuples(
    some.just("send_result"), places, results, some.integers(0, STALE_FROM)
)
steps = some.one_of(
    single_commands,
    single_commands,
    some.tuples(some.just("send_commands"), some.lists(drawn_commands, min_size=2, max_size=5)),
    some.tuples(some.just("repeat_command"), some.integers(0, 5)),
    some.tuples(some.just("reuse_command_id"), some.integers(0, 5)),
    some.tuples(some.just("send_result"), places, results, some.integers(0, STALE_FROM + 2)),
    results_of_open_steps,
    results_of_open_steps,
    some.tuples(some.just("repeat_result"), some.integers(0, 5)),
    some.tuples(some.just("pass_time"), some.sampled_from([AT_RISK, OVERDUE])),
    some.tuples(some.just("miss_a_deadline_unsent"), drawn_commands),
    some.tuples(some.just("kill_worker")),
)


async def compare(story: Story) -> None:
    """Asserts that database, ledger and messages are as the model says."""
    database = story.harness.database
    found = await pairs(
        database,
        f"SELECT phone_number, status FROM phone_numbers WHERE account_id = '{story.account}'",
    )
    assert found == {number: model.status for number, model in story.model.items()}
    used = Counter(found.values())
    usage = "SELECT active, pending FROM entitlement_usage WHERE account_id"
    assert await rows(database, f"{usage} = '{story.account}'") == [
        (used["ACTIVE"], used["PENDING"])
    ]
    ledger = await pairs(
        database,
        "SELECT command_id, outcome FROM commands"
        f" WHERE original AND account_id = '{story.account}'",
    )
    assert {*ledger} == {*story.commands}
    for command, sent in story.commands.items():
        assert (ledger[command] != "rejected") is sent.accepted
        assert ledger[command] != "pending"
    await _compare_messages(story)


async def pairs(database: Database, query: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in await rows(database, query)}


def _messages_of(story: Story) -> list[Event]:
    platform = story.harness.platform
    return [
        event
        for event in distinct_events([*platform.events, *platform.pbx_messages])
        if event["data"].get("account_id") == story.account
    ]


def _is_final(event: Event) -> bool:
    data, kind = event["data"], event["type"].split(".")[2]
    if data.get("code") == "COMMAND_ID_REUSED":
        return False
    if kind == "operation_failed":
        return not data["needs_a_person"]
    final = {("activate", "ACTIVE"), ("deactivate", "RESERVED")}
    return kind == "command_rejected" or (
        kind == "status_changed" and (data["operation"], data["status"]) in final
    )


class Messages(NamedTuple):
    """The messages of a story: final events, refused reuses of ids, and PBX messages."""

    final_events: Counter[str]
    reused: list[str]
    pbx_messages: set[tuple[str, str]]


def _published(story: Story) -> Messages:
    published = Messages(Counter(), [], set())
    for event in _messages_of(story):
        command = event["data"]["command_id"]
        published.final_events.update([command] * _is_final(event))
        if event["data"].get("code") == "COMMAND_ID_REUSED":
            published.reused.append(command)
        if event["type"] in PBX_TYPES:
            published.pbx_messages.add((command, event["type"].split(".")[2]))
    published.reused.sort()
    return published


async def _compare_messages(story: Story) -> None:
    pbx_messages = set().union(*(model.pbx_messages for model in story.model.values()))
    final_events = Counter(dict.fromkeys(story.commands, 1))
    expected = Messages(final_events, sorted(story.reused), pbx_messages)
    # Messages that the broker has confirmed may not have reached the test yet.
    with contextlib.suppress(AssertionError):
        await story.harness.platform.until(lambda: _published(story) == expected)
    assert _published(story) == expected
    sequences: dict[str, list[int]] = {}
    for event in _messages_of(story):
        data = event["data"]
        if event["type"].endswith("status_changed.v1"):
            sequences.setdefault(event["subject"], []).append(data["sequence"])
            assert data["entitlement"]["active"] + data["entitlement"]["pending"] <= LIMIT
    stored = (
        f"SELECT phone_number, sequence FROM phone_numbers WHERE account_id = '{story.account}'"
    )
    for number, last in await rows(story.harness.database, stored):
        assert sequences.get(str(number), []) == list(range(1, int(str(last)) + 1))


async def run_story(harness: StoryHarness, account: str, drawn: list[tuple[Any, ...]]) -> None:
    """Runs one story from its beginning to its end, and compares."""
    story = Story(harness, account)
    await story.store()
    # Each story has its own worker: while hypothesis draws, no other code may use `random`.
    harness.start()
    try:
        for step in drawn:
            await story.perform(step)
        await story.end()
    finally:
        await harness.stop()
    await compare(story)


async def test_worker_matches_the_model_through_random_stories(
    database: Database, settings: Settings, platform: Platform
) -> None:
    loop = asyncio.get_running_loop()
    accounts = (f"{number:06d}" for number in count(1))
    harness = StoryHarness(database, awaiting_all_steps(settings), platform)

    @given(some.lists(steps, min_size=6, max_size=20))
    # No shrinking: each failing example takes as long as its last timeout.
    @configure(max_examples=EXAMPLES, phases=[Phase.reuse, Phase.generate])
    def run_example(drawn: list[tuple[Any, ...]]) -> None:
        story = run_story(harness, next(accounts), drawn)
        asyncio.run_coroutine_threadsafe(story, loop).result()

    await asyncio.to_thread(run_example)
