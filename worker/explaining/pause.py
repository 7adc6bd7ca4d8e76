"""The pause of the intake as a person reads it. Pure."""

from worker.core.messages.explanations import clock_time
from worker.runtime.printable import printable
from worker.storage.intake import Pause

__all__ = ["describe_pause", "intake_is_paused"]


def describe_pause(pause: Pause) -> str:
    """Since when, by whom and why."""
    by, why = printable(pause.by), printable(pause.why)
    return f"paused since {clock_time(pause.since)} by {by}: {why}"


def intake_is_paused(pause: Pause) -> str:
    """The same as a sentence, with what ends the pause."""
    return (
        f"The intake is {describe_pause(pause).rstrip('.')}. Commands wait in their queues until"
        " an operator runs `activation-worker resume`."
    )
