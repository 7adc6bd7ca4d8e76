"""What a change of exchanges, queues, bindings or routing keys does to those who use them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.contracts.compatibility.verdicts import Verdict

__all__ = ["judge_topology"]

Topology = Mapping[str, Any]
Named = Mapping[str, Mapping[str, Any]]

ADDRESS: Final = frozenset({"direction", "exchange", "routing_key", "queue"})
"""Says where a message goes, also if it is null. What else is in its record may be added."""
UNDO: Final = "undo this, or declare another {kind} beside it"
REASONS: Final = {
    "exchange": "the broker refuses to declare an existing exchange otherwise",
    "queue": "the broker refuses to declare an existing queue otherwise",
    "message": "those who publish or bind it by the old one no longer reach each other",
}


def judge_topology(old: Topology, new: Topology, *, may_remove: bool = False) -> list[Verdict]:
    """All changes between two versions of what `exported/topology.json` says.

    With `may_remove`, in a new major version, exchanges and queues may go, and the bindings that
    no message needs any more.
    """
    return [
        *_compared(
            "exchange",
            _by_name(old["exchanges"]),
            _by_name(new["exchanges"]),
            may_remove=may_remove,
        ),
        *_compared(
            "queue", _by_name(old["queues"]), _by_name(new["queues"]), may_remove=may_remove
        ),
        *_bindings(old, new, may_remove=may_remove),
        *_destinations(old, new),
    ]


def _compared(kind: str, old: Named, new: Named, *, may_remove: bool) -> Iterator[Verdict]:
    for name in old.keys() - new.keys():
        remedy = "" if may_remove else "; keep it until a new major version"
        yield Verdict(is_break=not may_remove, sentence=f"{kind} {name} is gone{remedy}")
    for name in new.keys() - old.keys():
        yield Verdict(is_break=False, sentence=f"{kind} {name} is new")
    for name in old.keys() & new.keys():
        for changed in _changes(old[name], new[name], {"name", "bindings"}):
            yield _broken(kind, name, changed)


def _destinations(old: Topology, new: Topology) -> Iterator[Verdict]:
    """Changes of where a type of message is published, and which queue receives it."""
    before, after = _by_name(old["messages"], "type"), _by_name(new["messages"], "type")
    for name in before.keys() & after.keys():
        added = {
            key
            for key, value in after[name].items()
            if key not in ADDRESS and value is not None and before[name].get(key) is None
        }
        for key in sorted(added):
            value = after[name][key]
            yield Verdict(is_break=False, sentence=f"message {name}: {key} {value!r} is new")
        for changed in _changes(before[name], after[name], {"type", *added}):
            yield _broken("message", name, changed)


def _bindings(old: Topology, new: Topology, *, may_remove: bool) -> Iterator[Verdict]:
    before, after = _by_name(old["queues"]), _by_name(new["queues"])
    read_by_worker = {it["queue"] for it in new["messages"] if it["direction"] == "received"}
    for name in before.keys() & after.keys():
        earlier, later = _keys(before[name]), _keys(after[name])
        for binding in sorted(earlier.keys() - later.keys()):
            gone = f"queue {name}: the binding to {binding} is gone"
            if may_remove and not _is_used(earlier[binding], new):
                yield Verdict(is_break=False, sentence=gone)
                continue
            yield Verdict(
                is_break=True,
                sentence=f"{gone}, which breaks those who"
                " publish by it or read from the queue; keep it beside the new ones",
            )
        for binding in sorted(later.keys() - earlier.keys()):
            if name in read_by_worker:
                yield Verdict(
                    is_break=False, sentence=f"queue {name}: a binding to {binding} is new"
                )
                continue
            yield Verdict(
                is_break=True,
                sentence=f"queue {name}: the binding to {binding} is new, which breaks its readers:"
                " they get messages that they do not know; bind another queue",
            )


def _broken(kind: str, name: str, changed: str) -> Verdict:
    remedy = UNDO.format(kind="type" if kind == "message" else kind)
    return Verdict(is_break=True, sentence=f"{kind} {name}: {changed}: {REASONS[kind]}; {remedy}")


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], left_out: set[str]) -> Iterator[str]:
    """What changed from one to the other, arguments each by its name."""
    before, after = _flat(old, left_out), _flat(new, left_out)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name} changed from {before.get(name)!r} to {after.get(name)!r}"


def _flat(record: Mapping[str, Any], left_out: set[str]) -> Mapping[str, Any]:
    plain = {name: value for name, value in record.items() if name not in {*left_out, "arguments"}}
    return {**plain, **record.get("arguments", {})}


def _keys(queue: Mapping[str, Any]) -> Named:
    return {f"{it['exchange']} by {it['routing_key']!r}": it for it in queue["bindings"]}


def _is_used(binding: Mapping[str, Any], topology: Topology) -> bool:
    """Whether a message is published by this binding."""
    return any(
        it["exchange"] == binding["exchange"]
        and any(
            _matches(binding["routing_key"], it[name])
            for name in it
            if name.endswith("routing_key") and it[name] is not None
        )
        for it in topology["messages"]
    )


def _matches(pattern: str, routing_key: str) -> bool:
    """Whether a topic exchange routes this key, in which `{site_id}` is any word."""
    regex = re.escape(pattern).replace(r"\*", "[^.]+").replace(r"\#", ".*")
    return re.fullmatch(regex, routing_key) is not None


def _by_name(records: Any, name: str = "name") -> Named:
    return {record[name]: record for record in records}
