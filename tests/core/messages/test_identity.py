"""Derived ids and fingerprints: equal for a repeat, different otherwise."""

import json
from datetime import timedelta
from uuid import UUID, uuid5

import pytest
from activation_contracts.messages import Activate, Command, CommandData
from hypothesis import example, given
from hypothesis import strategies as some

from tests.support.data.builders import (
    ACTIVE_IN_FULL_USE,
    NOW,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    command_data,
    complete_number,
    deactivate,
    decide_command,
    pending_number,
)
from worker.core.messages.identity import NAMESPACE, derived_id

FINGERPRINT = "6e06fbfed1fef62666b440eb848d2cee"


class Later(CommandData):
    """The command data of a later version."""

    priority: str | None = None


argument_lists = some.lists(some.text(max_size=5), min_size=2, max_size=5)


def test_derived_ids_equal_their_golden_values() -> None:
    assert derived_id("/web", "1", "status", "ACTIVE") == "3bc7ba86-e4cb-5952-b03e-0ce8e13f0267"
    assert UUID(derived_id("/web", "1")).version == 5


@given(argument_lists)
def test_a_derived_id_is_the_uuid5_of_its_arguments_as_json(arguments: list[str]) -> None:
    assert derived_id(*arguments) == str(uuid5(NAMESPACE, json.dumps(arguments)))


@given(argument_lists, argument_lists)
@example(["a", "b\x1fc"], ["a\x1fb", "c"])
def test_different_arguments_have_different_ids(one: list[str], other: list[str]) -> None:
    assert (derived_id(*one) == derived_id(*other)) is (one == other)


def test_a_repeated_decision_has_the_same_messages_with_the_same_ids() -> None:
    pending = pending_number(ACTIVE_IN_FULL_USE, deactivate())

    assert decide_command(ACTIVE_IN_FULL_USE, deactivate()) == decide_command(
        ACTIVE_IN_FULL_USE, deactivate()
    )
    assert complete_number(pending) == complete_number(pending)


def test_all_messages_about_a_number_have_distinct_ids() -> None:
    activated = complete_number(pending_number(RESERVED, activate()), RINGING_MAIN_NUMBER)
    pending = pending_number(ACTIVE_IN_FULL_USE, deactivate())
    messages = [
        *decide_command(RESERVED, activate()).messages,
        *activated.messages,
        *decide_command(ACTIVE_IN_FULL_USE, deactivate()).messages,
        *complete_number(pending).messages,
        *decide_command(None, activate()).messages,
    ]

    assert len({message.id for message in messages}) == len(messages) == 13


def test_a_reused_command_id_gets_one_rejection_id_for_each_content() -> None:
    commands: list[Command] = [activate(command_id="reused"), deactivate(command_id="reused")]
    refusals = [decide_command(None, command).messages[0].id for command in commands]

    assert len(set(refusals)) == 2


def test_an_absent_new_field_does_not_change_the_fingerprint() -> None:
    assert activate().fingerprint == FINGERPRINT
    later = activate().model_copy(update={"data": Later(**command_data().model_dump())})

    assert later.fingerprint == FINGERPRINT


def test_the_envelope_does_not_change_the_fingerprint() -> None:
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
def test_type_and_payload_change_the_fingerprint(other: Command) -> None:
    assert other.fingerprint != activate().fingerprint
