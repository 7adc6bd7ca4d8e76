"""The page of all codes: what each means, and what to do."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, TypeVar

from activation_contracts.dead_letters import DEAD_LETTER_REMEDIES, DeadLetterCode
from activation_contracts.documents.reference.blocks import Block, Heading, Page, Paragraph, Table
from activation_contracts.documents.schemas.docstrings import attribute_docstrings
from activation_contracts.messages.directory import CONFLICT_REMEDIES, ConflictCode
from activation_contracts.reading import ReadErrorCode
from activation_contracts.reading.refused import REFUSED
from activation_contracts.refusals import REFUSALS
from activation_contracts.values import FAILURE_REMEDIES, FailureCode

__all__ = ["CODE_SYNONYMS", "codes_page"]

CodeT = TypeVar("CodeT", bound=StrEnum)

CODE_SYNONYMS: Final[Mapping[str, str]] = {
    "RefusalCode": "Refusals",
    "ReadErrorCode": "Unreadable messages",
    "FailureCode": "Failures of operations",
    "ConflictCode": "Conflicts of the directory",
}
"""The enumerations that this page explains, and under which heading."""


def codes_page() -> Page:
    """The page of all codes."""
    return Page("codes", "All codes", tuple(_blocks()))


def _blocks() -> Iterator[Block]:
    yield Paragraph(
        "Codes are for programs and stay stable; the text beside a code is for people. A later "
        "version may add codes: treat one that you do not know as you treat its whole group."
    )
    yield from _refusals()
    yield from _read_errors()
    yield from _group(
        "Other dead letters",
        "These messages could be read, or never reached a reader. They wait in the dead-letter "
        "queue with their code; no answer is sent.",
        DeadLetterCode,
        DEAD_LETTER_REMEDIES,
    )
    yield from _group(
        "Failures of operations",
        "The `code` of `telephony.phone_number.operation_failed.v1` and "
        "`telephony.phone_number.aftermath.v1`, and the `failure` of a RESERVED event.",
        FailureCode,
        FAILURE_REMEDIES,
    )
    yield from _group(
        "Conflicts of the directory",
        "The `code` of `telephony.directory.conflict.v1`. Nothing of the message was applied, and "
        "its version is not remembered: the same message may come again.",
        ConflictCode,
        CONFLICT_REMEDIES,
    )


def _refusals() -> Iterator[Block]:
    yield Heading("Refusals", is_place=True)
    yield Paragraph(
        "The `code` of `telephony.phone_number.command_rejected.v1`. A refused command has ended "
        "and has changed nothing. If several apply, the first in this order is given. A corrected "
        "command needs a new `id`."
    )
    for refusal in REFUSALS:
        yield from _code(refusal.code, refusal.meaning, refusal.remedy)


def _read_errors() -> Iterator[Block]:
    yield Heading("Unreadable messages", is_place=True)
    yield Paragraph(
        "A message that the worker cannot read has no effect. It goes unchanged to the dead-letter "
        "queue, with the code and a detail that names the value, and is answered at its `reply_to` "
        "(`telephony.message.unreadable.v1`). Its `id` is not used up: correct the message and "
        "send it again. The first code that applies is given."
    )
    meanings = attribute_docstrings(ReadErrorCode)
    for code in ReadErrorCode:
        yield Heading(code, 3, is_place=True)
        yield Paragraph(meanings[code])
        yield Table(
            ("sent", "send instead"),
            tuple((row.what, row.instead) for row in REFUSED if row.code is code),
        )


def _group(
    heading: str, text: str, codes: type[CodeT], remedies: Mapping[CodeT, str]
) -> Iterator[Block]:
    yield Heading(heading, is_place=True)
    yield Paragraph(text)
    meanings = attribute_docstrings(codes)
    for code in codes:
        yield from _code(code, meanings[code.name], remedies[code])


def _code(code: str, meaning: str, remedy: str) -> Iterator[Block]:
    yield Heading(code, 3, is_place=True)
    yield Paragraph(meaning)
    yield Paragraph(remedy, lead="What to do")
