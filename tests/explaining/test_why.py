"""Why a number is active or is not: pure functions over plain values."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.data.shown import NOON, command, number
from worker.explaining.model import Tone
from worker.explaining.why import verdict


def refused(minute: int, code: str, detail: str = "", **columns: Any) -> dict[str, Any]:
    return command(minute, outcome="rejected", refusal=code, detail=detail, **columns)


def failed(minute: int, code: str, *, ended: int, **columns: Any) -> dict[str, Any]:
    ended_at = NOON + timedelta(minutes=ended)
    return command(minute, outcome="failed", failure=code, ended_at=ended_at, **columns)


def deactivated(minute: int, *, ended: int) -> dict[str, Any]:
    return command(minute, operation="deactivate", ended_at=NOON + timedelta(minutes=ended))


SECOND_CLICK = refused(1, "NUMBER_NOT_RESERVED", "It is PENDING: wait for the outcome.")
REFUSED_DEACTIVATION = refused(3, "NUMBER_NOT_ACTIVE", "It is RESERVED.", operation="deactivate")
PAUSE = {"since": NOON, "by": "Ada", "why": "maintenance"}
UNDER_WAY = {
    "operation": "activate",
    "aftermath": None,
    "since": NOON,
    "overdue": False,
    "needs_a_person": False,
    "explanation": "It waits for activation.",
}
OUTSTANDING = {**UNDER_WAY, "aftermath": "compensation", "needs_a_person": True}
JOIN = {**UNDER_WAY, "aftermath": "hunt_group_join"}
DEAD_LETTER = {
    "dead_lettered_at": NOON,
    "code": "NOT_JSON",
    "detail": "not JSON",
    "queue": "commands",
    "message_id": "message-1",
}
ENDS = (
    (
        "a double click, then the PBX refuses",
        [failed(0, "PBX_REFUSED", ended=2, detail="EXTENSION_IN_USE."), SECOND_CLICK],
        "Not active: the last activation failed at 2026-11-01 12:02:00 UTC, PBX_REFUSED",
        "EXTENSION_IN_USE.",
    ),
    (
        "a double click, then the deadline passes",
        [failed(0, "DEADLINE_PASSED", ended=5), SECOND_CLICK],
        "Not active: the last activation failed at 2026-11-01 12:05:00 UTC, DEADLINE_PASSED",
        "",
    ),
    (
        "a double click, then success, and a deactivation",
        [command(0, ended_at=NOON + timedelta(minutes=2)), SECOND_CLICK, deactivated(3, ended=4)],
        "Not active: deactivated at 2026-11-01 12:04:00 UTC, requested by ann",
        "",
    ),
    (
        "a double click while it is deactivated",
        [deactivated(0, ended=4), SECOND_CLICK],
        "Not active: deactivated at 2026-11-01 12:04:00 UTC, requested by ann",
        "",
    ),
    (
        "a refusal after the end of an operation",
        [failed(0, "PBX_REFUSED", ended=1), refused(2, "COMMAND_EXPIRED", "Read too late.")],
        "Not active: the last activation was refused at 2026-11-01 12:02:00 UTC, COMMAND_EXPIRED",
        "Read too late.",
    ),
    (
        "a refusal in the moment in which an operation ends",
        [failed(0, "DEADLINE_PASSED", ended=1), SECOND_CLICK],
        "Not active: the last activation failed at 2026-11-01 12:01:00 UTC, DEADLINE_PASSED",
        "",
    ),
    (
        "a refused deactivation after the end of an operation",
        [failed(0, "PBX_REFUSED", ended=1), REFUSED_DEACTIVATION],
        "Not active: the last activation failed at 2026-11-01 12:01:00 UTC, PBX_REFUSED",
        "",
    ),
    (
        "an operator gives up a deactivation",
        [failed(0, "GIVEN_UP", ended=9, operation="deactivate")],
        "Not active: the last deactivation failed at 2026-11-01 12:09:00 UTC, GIVEN_UP",
        "",
    ),
    (
        "the former account deactivates it, and the platform gives it away",
        [{**deactivated(0, ended=1), "account_id": "globex"}],
        "Not active: the worker has received no command of acme to activate it",
        "Ask the web tier whether it has sent one. A command for it may wait in a queue, unread.",
    ),
    (
        "a refused deactivation alone",
        [REFUSED_DEACTIVATION],
        "Not active: the worker has received no command of acme to activate it",
        "Ask the web tier whether it has sent one. A command for it may wait in a queue, unread.",
    ),
    (
        "a stranger asks for it",
        [deactivated(0, ended=1), refused(2, "ACCOUNT_MISMATCH", account_id="globex")],
        "Not active: the last activation was refused at 2026-11-01 12:02:00 UTC, ACCOUNT_MISMATCH",
        "",
    ),
    (
        "a refusal whose reason has gone",
        [refused(2, "NUMBER_UNKNOWN", "Not provisioned.")],
        "Not active: the last activation was refused at 2026-11-01 12:02:00 UTC, NUMBER_UNKNOWN",
        "Not provisioned. This no longer holds: it can be activated now.",
    ),
    (
        "the platform takes it back after an activation",
        [command(0)],
        "Not active: the platform made it RESERVED after its last command",
        "",
    ),
)
"""What happened, and the answer."""


@pytest.mark.parametrize(
    ("history", "headline", "detail"),
    [pytest.param(*rest, id=what) for what, *rest in ENDS],
)
def test_a_reserved_number_is_explained_by_what_ended_last(
    history: list[dict[str, Any]], headline: str, detail: str
) -> None:
    found = verdict(number(history=history))

    assert (found.headline, found.detail) == (headline, detail)


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (None, "A command for it may wait in a queue, unread."),
        (0, "No command waits in a queue."),
        (1, "1 command waits in the queues, and it may be for this number."),
        (6, "6 commands wait in the queues, and one of them may be for this number."),
    ],
)
@pytest.mark.parametrize("history", [[], [deactivated(0, ended=1)]])
def test_a_paused_intake_is_named_with_the_commands_that_wait(
    waiting: int | None, said: str, history: list[dict[str, Any]]
) -> None:
    found = verdict(number(history=history, pause=PAUSE, commands_waiting=waiting))

    assert said in found.detail
    assert found.detail.endswith(
        "The intake is paused since 2026-11-01 12:00:00 UTC by Ada: maintenance. Commands wait in"
        " their queues until an operator runs `activation-worker resume`."
    )


@pytest.mark.parametrize(
    ("shown", "tone", "words"),
    [
        (number(), Tone.WAITING, "has received no command for it"),
        (number(commands_waiting=6), Tone.WAITING, "6 commands wait in the queues"),
        (number(dead_letters=[DEAD_LETTER]), Tone.WAITING, "NOT_JSON: not JSON"),
        (number(history=[SECOND_CLICK], active=2), Tone.BAD, "No voice service is free"),
        (
            number(history=[command()], active=2, upcoming=[{"at": NOON, "begin": 3, "end": 0}]),
            Tone.PLAIN,
            "Of its services, 3 begin at 2026-11-01 12:00:00 UTC.",
        ),
        (number("AVAILABLE"), Tone.PLAIN, "no account holds it"),
        (number("COOLDOWN"), Tone.PLAIN, "it rests"),
        (number("ACTIVE", history=[command()]), Tone.GOOD, "ACTIVE since 2026-11-01 12:00:00 UTC"),
        (number("ACTIVE", history=[deactivated(0, ended=1)]), Tone.GOOD, "The platform stated it"),
        (number("ACTIVE", pause=PAUSE), Tone.GOOD, "The intake is paused"),
        (
            number("ACTIVE", history=[command()], waiting=[JOIN]),
            Tone.WAITING,
            "The hunt-group join is outstanding. It waits for activation.",
        ),
        (number("PENDING", waiting=[UNDER_WAY]), Tone.WAITING, "it is being activated"),
        (number("PENDING", waiting=[{**UNDER_WAY, "overdue": True}]), Tone.BAD, "being activated"),
        (number("PENDING", history=[SECOND_CLICK], waiting=[UNDER_WAY]), Tone.WAITING, "PENDING: "),
    ],
)
def test_the_verdict_says_why_a_number_is_as_it_is(
    shown: dict[str, Any], tone: Tone, words: str
) -> None:
    found = verdict(shown)

    assert found.tone == tone
    assert words in f"{found.headline}. {found.detail}"


def test_an_ended_operation_never_reads_as_under_way() -> None:
    history = [failed(0, "PBX_REFUSED", ended=0, detail="The PBX said no.")]

    found = verdict(number(history=history, waiting=[OUTSTANDING]))

    assert found.headline.startswith("Not active: the last activation failed at ")
    assert found.detail == (
        "The PBX said no. The reset after the failed activation is outstanding. It waits for"
        " activation."
    )
