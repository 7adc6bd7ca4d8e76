"""Compares the whole contracts of two versions."""

from collections.abc import Iterator

from tests.contracts.compatibility.releases import Contracts
from tests.contracts.compatibility.topology import judge_topology
from tests.contracts.compatibility.verdicts import Verdict, judge_message

__all__ = ["judge"]


def judge(old: Contracts, new: Contracts) -> list[Verdict]:
    """All changes, first the breaks. Only a new major version may withdraw what was released."""
    may_remove = new.major > old.major
    changes = [
        *_messages(old, new, may_remove=may_remove),
        *judge_topology(old.topology, new.topology, may_remove=may_remove),
    ]
    return sorted(changes, key=lambda verdict: (not verdict.is_break, verdict.sentence))


def _messages(old: Contracts, new: Contracts, *, may_remove: bool) -> Iterator[Verdict]:
    directions = {it["type"]: it["direction"] for it in old.topology["messages"]}
    for name, schema in old.schemas.items():
        if name in new.schemas:
            yield from judge_message(name, directions[name], schema, new.schemas[name])
        else:
            remedy = "" if may_remove else "; keep it until a new major version"
            yield Verdict(is_break=not may_remove, sentence=f"message {name} is gone{remedy}")
    for name in new.schemas.keys() - old.schemas.keys():
        yield Verdict(is_break=False, sentence=f"message {name} is new")
