"""Derived ids: the same for a repeat, different for everything else."""

import json
from datetime import timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from contracts.messages import Activate, Command, CommandData
from tests.support.builders import (
    ACTIVE_IN_FULL_USE,
    NOW,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    begun,
    command_data,
    completed,
    deactivate,
    decided,
)
from worker.core.identity import NAMESPACE, derived_id

FINGERPRINT = "6e06fbfed1fef62666b440eb848d2cee"


class Later(CommandData):
    """What a later version may ask for."""

    priority: str | None = None


parts = some.lists(some.text(max_size=5), min_size=2, max_size=5)


def test_an_id_stays_what_it_was_in_every_version() -> None:
    assert derived_id("/web", "1", "status", "ACTIVE") == "3bc7ba86-e4cb-5952-b03e-0ce8e13f0267"
    assert UUID(derived_id("/web", "1")).version == 5


@given(parts)
def test_an_id_is_a_uuid_of_version_5_of_what_it_is_about(about: list[str]) -> None:
    assert derived_id(*about) == str(uuid5(NAMESPACE, json.dumps(about)))


@given(parts, parts)
@example(["a", "b\x1fc"], ["a\x1fb", "c"])
def test_different_things_never_get_one_id(one: list[str], other: list[str]) -> None:
    assert (derived_id(*one) == derived_id(*other)) is (one == other)


def test_whoever_decides_again_says_the_same_under_the_same_ids() -> None:
    pending = begun(ACTIVE_IN_FULL_USE, deactivate())

    assert decided(ACTIVE_IN_FULL_USE, deactivate()) == decided(ACTIVE_IN_FULL_USE, deactivate())
    assert completed(pending) == completed(pending)


def test_no_two_messages_of_a_number_share_an_id() -> None:
    activated = completed(begun(RESERVED, activate()), RINGING_MAIN_NUMBER)
    pending = begun(ACTIVE_IN_FULL_USE, deactivate())
    messages = [
        *decided(RESERVED, activate()).messages,
        *activated.messages,
        *decided(ACTIVE_IN_FULL_USE, deactivate()).messages,
        *completed(pending).messages,
        *decided(None, activate()).messages,
    ]

    assert len({message.id for message in messages}) == len(messages) == 13


def test_a_reused_id_gets_a_refusal_of_its_own_for_each_content() -> None:
    commands: list[Command] = [activate(command_id="reused"), deactivate(command_id="reused")]
    refusals = [decided(None, command).messages[0].id for command in commands]

    assert len(set(refusals)) == 2


def test_a_fingerprint_stays_what_it_was_when_fields_are_added() -> None:
    assert activate().fingerprint == FINGERPRINT
    later = activate().model_copy(update={"data": Later(**command_data().model_dump())})

    assert later.fingerprint == FINGERPRINT


def test_a_resend_in_another_envelope_is_the_same_command() -> None:
    resent = activate(
        time=NOW, expirytime=NOW + timedelta(hours=1), correlationid="x", traceparent="y"
    )

    assert resent.fingerprint == activate().fingerprint


@pytest.mark.parametrize(
    "other",
    [
        deactivate(),
        activate("+442079460002"),
        *(
            Activate(id="command-1", source="/tests", data=command_data().model_copy(update=change))
            for change in (
                {"account_id": "bolt"},
                {"site_id": "paris"},
                {"requested_by": "Grace"},
                {"requested_by": None},
                {"account_id": "london", "site_id": "acme"},
            )
        ),
    ],
)
def test_another_type_or_payload_is_another_command(other: Command) -> None:
    assert other.fingerprint != activate().fingerprint
