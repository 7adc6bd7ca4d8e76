"""What an account has and uses at a site, and which of its services begin or end later. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from worker.core.messages.explanations import clock_time

__all__ = ["arithmetic", "later"]


def arithmetic(shown: Mapping[str, Any]) -> str:
    """What is in force, in use and free, with what begins or ends later."""
    free = shown["limit"] - shown["active"] - shown["pending"]
    now = "{limit} bought - {active} active - {pending} pending".format(**shown)
    return "; ".join(filter(None, (f"{now} = {free} free", later(shown["upcoming"]))))


def later(upcoming: Sequence[Mapping[str, Any]]) -> str:
    """As in "1 begins at 2026-12-01 00:00:00 UTC, 2 end at ..."; empty if nothing changes."""
    return ", ".join(map(_at_moment, upcoming))


def _at_moment(change: Mapping[str, Any]) -> str:
    return f"{' and '.join(_changes(change))} at {clock_time(change['at'])}"


def _changes(change: Mapping[str, Any]) -> Iterator[str]:
    for verb in ("begin", "end"):
        count = change[verb]
        if count:
            yield f"{count} {verb}{'s' if count == 1 else ''}"
