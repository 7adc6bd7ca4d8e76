"""The page of the statuses of a number."""

from collections.abc import Iterator

from activation_contracts.documents.reference.blocks import (
    Block,
    Bullets,
    Diagram,
    Heading,
    Page,
    Paragraph,
    Table,
)
from activation_contracts.documents.schemas.docstrings import attribute_docstrings
from activation_contracts.refusals import RefusalCode
from activation_contracts.statuses import (
    AFTER_ACTIVE,
    CHARGES,
    STATUS_CHANGES,
    STATUSES,
    StatusChange,
    StatusGuide,
)
from activation_contracts.values import NumberStatus

__all__ = ["status_page"]


def status_page() -> Page:
    """The page of the statuses."""
    return Page("status", "The status of a number", tuple(_blocks()))


def _blocks() -> Iterator[Block]:
    yield Paragraph(
        "A number has one status. The worker activates and deactivates; provisioning, allocation "
        "and cool-down belong to the platform, which states them by directory messages "
        "(`telephony.directory.phone_number.v1`) or an import. Allocating a number to an account, "
        "activating it, and assigning it to a person are three different things."
    )
    yield Diagram()
    yield Table(
        ("status", "activate", "deactivate", "edit details", "uses a voice service"),
        tuple(_summary(guide) for guide in STATUSES),
    )
    yield Paragraph(
        "A command that finds the number in another status is refused and changes nothing. Each "
        "change increments the `sequence` of the number by one and is published "
        "(`telephony.phone_number.status_changed.v1`); first provisioning is no change. PENDING is "
        "committed and published before the final status is decided. The platform may delete a "
        "number that is neither ACTIVE nor PENDING; the last event of the number says AVAILABLE."
    )
    for guide in STATUSES:
        yield from _status(guide)
    yield Heading("What comes after ACTIVE")
    yield Bullets(AFTER_ACTIVE)
    yield Heading("What ends a charge, and what does not")
    yield Bullets(CHARGES)


def _summary(guide: StatusGuide) -> tuple[str, ...]:
    commands = (_possible(guide.activate), _possible(guide.deactivate))
    return (f"`{guide.status}`", *commands, guide.edit, "yes" if guide.uses_a_service else "no")


def _possible(refusal: RefusalCode | None) -> str:
    return f"`{refusal}`" if refusal else "yes"


def _status(guide: StatusGuide) -> Iterator[Block]:
    status = guide.status
    yield Heading(status, is_place=True)
    yield Paragraph(attribute_docstrings(NumberStatus)[status])
    yield Paragraph(guide.remarks)
    yield Table(
        ("change", "from", "to", "who", "when"),
        tuple(_change(it) for it in STATUS_CHANGES if status in {it.before, it.after}),
    )


def _change(change: StatusChange) -> tuple[str, ...]:
    return (change.name, change.before or "-", change.after, change.by, change.cause)
