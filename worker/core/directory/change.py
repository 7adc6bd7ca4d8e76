"""A change: what the platform says of one record, by message or by import."""

from enum import StrEnum, unique
from typing import NamedTuple

from activation_contracts.messages import DirectoryMessage
from activation_contracts.records import RecordKey, RecordKind

from worker.core.cause import Cause

__all__ = ["Change", "RecordId", "Verdict", "WaitsFor", "change_in"]


class RecordId(NamedTuple):
    """Identifies a record."""

    kind: RecordKind
    key: tuple[str, ...]


class Change(NamedTuple):
    """The full state of a record, or its deletion."""

    record: RecordKey
    """A `Record`; of a deletion the key alone."""
    version: int | None
    """None: an import, which counts as newer than every message before it."""
    cause: Cause
    deleted: bool = False

    @property
    def id(self) -> RecordId:
        """The record that it is about."""
        return RecordId(self.record.KIND, self.record.key)

    @property
    def phone_number(self) -> str | None:
        """The number that the record belongs to; None for a voice service."""
        number: str | None = getattr(self.record, "phone_number", None)
        return number

    @property
    def described(self) -> str:
        """The record, for people."""
        return f"{self.record.KIND} {'/'.join(self.record.key)}"


@unique
class Verdict(StrEnum):
    """The effect of a change."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    """It says what is held; its version is remembered."""
    OUTDATED = "outdated"
    """Its version is not newer than the one that was applied, or that waits."""
    WAITS = "waits"
    CONFLICT = "conflict"
    """It contradicts what is held: nothing of it was applied."""


@unique
class WaitsFor(StrEnum):
    """What a change waits for. It is applied, in order, when that has come."""

    END_OF_OPERATION = "end_of_operation"
    """The number is PENDING and must not be edited."""
    NUMBER = "number"
    """The number is not provisioned yet: the messages of several publishers can overtake."""
    MAIN_NUMBER = "main_number"
    """Only main numbers have call settings, and the number is none yet."""


def change_in(message: DirectoryMessage) -> Change:
    """The change that the message states."""
    data = message.data
    record_class = _plain(type(data))
    return Change(
        record=record_class.model_construct(
            **{name: getattr(data, name) for name in record_class.model_fields}
        ),
        version=data.version,
        cause=Cause(
            message.source,
            message.id,
            message.correlationid or message.id,
            message.traceparent,
            message.tracestate,
        ),
        deleted=data.deleted,
    )


def _plain(data_class: type[RecordKey]) -> type[RecordKey]:
    """The class of the record itself, without the version."""
    bases = (base for base in data_class.__mro__ if issubclass(base, RecordKey))
    return next(base for base in bases if "version" not in base.model_fields)
