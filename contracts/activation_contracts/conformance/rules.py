"""The rules of docs/pbx.md that the kit checks, each in the words of the page."""

from typing import Final, NamedTuple

from typing_extensions import override

__all__ = [
    "ACKNOWLEDGE",
    "ACTIVATIONS_ONLY",
    "AFTER_THE_DEADLINE",
    "CALL_SETTINGS",
    "CLEAR",
    "DESIRED_STATE",
    "DIGITAL_ONLY",
    "DROP_OLDER",
    "DROP_OLDER_RESET",
    "EXTENSION",
    "IGNORE_UNKNOWN",
    "NO_ORDER",
    "PENDING_AGAIN",
    "PUBLISHING",
    "READABLE",
    "REFUSAL",
    "REPEATS",
    "REPLACED",
    "RESULT_ID",
    "RESULT_OF",
    "RETRY",
    "RETRY_ID",
    "SEPARATE_SEQUENCES",
    "SILENCE",
    "SUCCESS",
    "TEXT",
    "UNKNOWN_ACTION",
    "Rule",
]

PAGE: Final = "contracts/docs/pbx.md"


class Rule(NamedTuple):
    """A rule: the section of the page, and its words there."""

    section: str
    words: str

    @override
    def __str__(self) -> str:
        """Where the rule stands, and what it says."""
        return f'{PAGE}, "{self.section}": {self.words}'


def _messages(words: str) -> Rule:
    return Rule("Messages", words)


def _carrying_out(words: str) -> Rule:
    return Rule("How to carry them out", words)


def _results(words: str) -> Rule:
    return Rule("Saying what became of it", words)


EXTENSION: Final = _messages("`extension` (null if none is known)")
DIGITAL_ONLY: Final = _messages(
    "(always `digital`, because other devices cannot be logged out remotely)"
)
CLEAR: Final = _messages("Blank what you know of these, and ignore a name that you do not know.")
CALL_SETTINGS: Final = _messages("`call_settings` for a main number that has some")
TEXT: Final = _messages("They have 1 to 128 characters, of any kind but NUL")

DESIRED_STATE: Final = _carrying_out(
    "If the state is reached already, you are done: that is success, not an error."
)
DROP_OLDER: Final = _carrying_out("Acknowledge a message with a lower sequence and do nothing.")
REPLACED: Final = _carrying_out("So a late `remove` never undoes a later `add`.")
SEPARATE_SEQUENCES: Final = _carrying_out(
    "separately for each membership of a number in a group, its login at a handset, and its"
    " extension reset"
)
REPEATS: Final = _carrying_out(
    "Carry a repeat out, or find that it is done, and report the result each time"
)
ACKNOWLEDGE: Final = _carrying_out("Acknowledge after the work is done")
NO_ORDER: Final = _carrying_out(
    "Across queues, and with several consumers, that order does not hold."
)
DROP_OLDER_RESET: Final = _carrying_out(
    "store the highest `sequence` that you saw for a number, from PENDING events too if you read"
    " them, and drop a reset with a lower one."
)
IGNORE_UNKNOWN: Final = _carrying_out("Ignore unknown fields.")
RETRY_ID: Final = _carrying_out(
    "A second `retry_later` or `refused` under the `id` of the first is a repeat and does not count"
)
UNKNOWN_ACTION: Final = _carrying_out("change nothing, and report `refused`.")

PUBLISHING: Final = _results("with the routing key `pbx.result`, persistent and mandatory")
RESULT_OF: Final = _results("`operation_id` is the `id` of the message that you carried out.")
RESULT_ID: Final = _results("Give each result an `id` of its own")
SUCCESS: Final = _results(
    "`done`; `already` (it was so before); `not_applicable` (there is nothing to do here): the step"
    " is done"
)
RETRY: Final = _results(
    "`retry_later`: the worker sends the message again after a pause, with the same `id`"
)
REFUSAL: Final = _results("`refused`: the PBX will never do it.")
READABLE: Final = _results("A result that the worker cannot read is a dead letter")
SILENCE: Final = _results(
    "A worker that awaits a result and gets none asks again, with the same `id`"
)
ACTIVATIONS_ONLY: Final = _results("It answers each PENDING event whose `operation` is `activate`")
PENDING_AGAIN: Final = _results("Answer a PENDING event that comes again as well")
AFTER_THE_DEADLINE: Final = _results("Discard what you hold under the older `sequence`.")
