"""What the worker holds of the platform's records: the facts on which a change is judged."""

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from activation_contracts.records import CallSettingsRecord, VoiceServiceRecord

from worker.core.directory.change import Change, RecordId, WaitsFor
from worker.core.situation import Holder, Number, Usage

__all__ = ["Directory", "HeldNumber", "Waiting", "in_force"]


class HeldNumber(NamedTuple):
    """A number with all of its records."""

    number: Number
    """With every membership and login, whatever its status."""
    pin_is_default: bool = True
    call_settings: CallSettingsRecord | None = None

    @property
    def is_main(self) -> bool:
        """Whether it is the main number of its account at its site."""
        return self.number.main_number


class Waiting(NamedTuple):
    """A change that waits, and what for."""

    change: Change
    waits_for: WaitsFor
    position: int | None = None
    """Where it is stored; None if it is not stored yet."""


@dataclass(slots=True)
class Directory:
    """The records that a batch of changes may read or change, loaded and locked."""

    numbers: dict[str, HeldNumber] = field(default_factory=dict)
    """By phone number."""
    services: dict[str, VoiceServiceRecord] = field(default_factory=dict)
    """By service id."""
    versions: dict[RecordId, int] = field(default_factory=dict)
    """The version that was applied last, also of deleted records."""
    usages: dict[Holder, Usage] = field(default_factory=dict)
    main_numbers: dict[Holder, str] = field(default_factory=dict)
    last_sequences: dict[str, int] = field(default_factory=dict)
    """The sequence of each deleted number, which goes on if it is provisioned again."""
    waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    """By phone number, in the order of arrival."""

    def copy(self) -> "Directory":
        """A copy that can be changed; the values themselves are immutable."""
        return Directory(
            dict(self.numbers),
            dict(self.services),
            dict(self.versions),
            dict(self.usages),
            dict(self.main_numbers),
            dict(self.last_sequences),
            {number: list(waiting) for number, waiting in self.waiting.items()},
        )


def in_force(service: VoiceServiceRecord | None, today: date) -> int:
    """How many voice services the record gives today: none before it begins or after it ends."""
    if service is None or not _is_in_force(service, today):
        return 0
    return service.quantity


def _is_in_force(service: VoiceServiceRecord, today: date) -> bool:
    begun = service.starts_on is None or service.starts_on <= today
    return begun and (service.ends_on is None or today <= service.ends_on)
