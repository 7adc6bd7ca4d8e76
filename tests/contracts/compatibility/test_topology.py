"""Each change of the topology, and whom it breaks."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

import pytest

from tests.contracts.compatibility.topology import judge_topology

Topology = dict[str, Any]

RELEASED: Final[Topology] = {
    "exchanges": [
        {"name": "in", "kind": "topic", "arguments": {"alternate-exchange": "rest"}},
        {"name": "out", "kind": "topic", "arguments": {}},
    ],
    "queues": [
        {
            "name": "read-by-the-worker",
            "bindings": [{"exchange": "in", "routing_key": "command"}],
            "arguments": {"x-queue-type": "quorum", "x-delivery-limit": 100},
        },
        {
            "name": "read-by-others",
            "bindings": [{"exchange": "out", "routing_key": "request.*"}],
            "arguments": {"x-queue-type": "quorum"},
        },
    ],
    "messages": [
        {
            "type": "some.command.v1",
            "direction": "received",
            "exchange": "in",
            "routing_key": "command",
            "queue": "read-by-the-worker",
            "bulk_routing_key": None,
            "bulk_queue": "read-by-the-worker",
        },
        {
            "type": "some.request.v1",
            "direction": "published",
            "exchange": "out",
            "routing_key": "request.{site_id}",
            "queue": "read-by-others",
        },
    ],
}
IN, OUT = 0, 1


def set_in(section: str, place: int, **values: Any) -> Callable[[Topology], None]:
    return lambda topology: topology[section][place].update(values)


def bind(place: int) -> Callable[[Topology], None]:
    binding = {"exchange": "in", "routing_key": "other"}
    return lambda topology: topology["queues"][place]["bindings"].append(binding)


def unbind(place: int) -> Callable[[Topology], None]:
    return lambda topology: topology["queues"][place]["bindings"].clear()


def add(section: str, **values: Any) -> Callable[[Topology], None]:
    return lambda topology: topology[section].append(
        {**topology[section][IN], "name": "new", "bindings": [], **values}
    )


def remove(section: str, place: int) -> Callable[[Topology], None]:
    return lambda topology: topology[section].pop(place)


CHANGES: Final[dict[str, tuple[Callable[[Topology], None], list[str]]]] = {
    "nothing": (lambda _: None, []),
    "kind of an exchange": (
        set_in("exchanges", IN, kind="direct"),
        ["break: exchange in: kind changed from 'topic' to 'direct': the broker refuses to"],
    ),
    "argument of an exchange": (
        set_in("exchanges", IN, arguments={}),
        ["break: exchange in: alternate-exchange changed from 'rest' to None:"],
    ),
    "exchange gone": (remove("exchanges", OUT), ["break: exchange out is gone; keep it until"]),
    "exchange new": (add("exchanges"), ["exchange new is new"]),
    "argument of a queue": (
        set_in("queues", IN, arguments={"x-queue-type": "quorum", "x-delivery-limit": 5}),
        ["break: queue read-by-the-worker: x-delivery-limit changed from 100 to 5:"],
    ),
    "queue gone": (remove("queues", OUT), ["break: queue read-by-others is gone; keep it until"]),
    "queue new": (add("queues"), ["queue new is new"]),
    "binding gone": (
        unbind(OUT),
        ["break: queue read-by-others: the binding to out by 'request.*' is gone,"],
    ),
    "binding of the worker's queue new": (
        bind(IN),
        ["queue read-by-the-worker: a binding to in by 'other' is new"],
    ),
    "binding of a queue of others new": (
        bind(OUT),
        ["break: queue read-by-others: the binding to in by 'other' is new, which breaks its"],
    ),
    "routing key of a message": (
        set_in("messages", OUT, routing_key="ask.{site_id}"),
        ["break: message some.request.v1: routing_key changed from 'request.{site_id}' to 'ask."],
    ),
    "exchange of a message": (
        set_in("messages", IN, exchange="out"),
        ["break: message some.command.v1: exchange changed from 'in' to 'out':"],
    ),
    "queue of a message gone": (
        set_in("messages", IN, queue=None),
        ["break: message some.command.v1: queue changed from 'read-by-the-worker' to None:"],
    ),
    "key of a message that was null": (
        set_in("messages", IN, bulk_routing_key="command.bulk"),
        ["message some.command.v1: bulk_routing_key 'command.bulk' is new"],
    ),
    "key of a message that no message had": (
        set_in("messages", OUT, priority="low"),
        ["message some.request.v1: priority 'low' is new"],
    ),
    "key of a message gone": (
        set_in("messages", IN, bulk_queue=None),
        ["break: message some.command.v1: bulk_queue changed from 'read-by-the-worker' to None"],
    ),
    "direction of a message": (
        set_in("messages", OUT, direction="received"),
        ["break: message some.request.v1: direction changed"],
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_topology_is_judged(
    change: Callable[[Topology], None], expected: list[str]
) -> None:
    topology = deepcopy(RELEASED)
    change(topology)

    found = [
        f"{'break: ' if it.is_break else ''}{it.sentence}"
        for it in judge_topology(RELEASED, topology)
    ]

    assert len(found) == len(expected)
    assert all(one.startswith(words) for one, words in zip(found, expected, strict=True))


def test_a_break_of_the_topology_names_reason_and_remedy() -> None:
    topology = deepcopy(RELEASED)
    set_in("exchanges", IN, kind="direct")(topology)

    (broken,) = judge_topology(RELEASED, topology)

    assert broken.sentence == (
        "exchange in: kind changed from 'topic' to 'direct': the broker refuses to declare an"
        " existing exchange otherwise; undo this, or declare another exchange beside it"
    )


@pytest.mark.parametrize("section", ["exchanges", "queues"])
def test_a_new_major_version_may_withdraw(section: str) -> None:
    topology = deepcopy(RELEASED)
    remove(section, OUT)(topology)

    (change,) = judge_topology(RELEASED, topology, may_remove=True)

    assert not change.is_break


def test_a_new_major_version_may_withdraw_the_binding_of_a_withdrawn_message() -> None:
    topology = deepcopy(RELEASED)
    remove("messages", OUT)(topology)
    unbind(OUT)(topology)

    (change,) = judge_topology(RELEASED, topology, may_remove=True)

    assert not change.is_break
    assert change.sentence == "queue read-by-others: the binding to out by 'request.*' is gone"


@pytest.mark.parametrize("place", [IN, OUT])
def test_a_new_major_version_may_not_withdraw_the_binding_of_a_message_that_stays(
    place: int,
) -> None:
    topology = deepcopy(RELEASED)
    unbind(place)(topology)

    (change,) = judge_topology(RELEASED, topology, may_remove=True)

    assert change.is_break
