"""Translates errors into an exit code and a message that says what to do."""

import sys
from typing import Final

from worker.cli.exits import Exit
from worker.runtime.printable import on_one_line

__all__ = ["explained"]

AS_IT_IS: Final = "{}"
BROKER: Final = "RabbitMQ cannot be used: {}. Check AMQP_URL and the server."
SYSTEM: Final = "The operating system reports: {}."
DATABASE: Final = "PostgreSQL cannot be used: {}. Check DATABASE_URL and the server."

EXPLANATIONS: Final[tuple[tuple[str, Exit, str], ...]] = (
    ("worker.broker.topology.NoRoom", Exit.UNAVAILABLE, AS_IT_IS),
    ("worker.broker.topology.TopologyMismatch", Exit.MISMATCH, AS_IT_IS),
    ("worker.runtime.environment.SettingsError", Exit.SETTINGS, AS_IT_IS),
    ("worker.runtime.mistakes.Mistake", Exit.UNAVAILABLE, AS_IT_IS),
    ("worker.storage.deployment.preflight.NotReady", Exit.NOT_READY, AS_IT_IS),
    ("worker.storage.deployment.durability.UnsafeServer", Exit.UNSAFE, AS_IT_IS),
    ("worker.operator.send.TopologyMissing", Exit.NOT_READY, AS_IT_IS),
    ("worker.operator.send.InvalidCommand", Exit.USAGE, AS_IT_IS),
    ("worker.operator.republish.InvalidSelection", Exit.USAGE, AS_IT_IS),
    ("worker.operator.republish.NothingToRepublish", Exit.NOT_FOUND, AS_IT_IS),
    ("worker.cli.streams.InputFailed", Exit.INPUT_OUTPUT, AS_IT_IS),
    ("worker.operator.resolve.NothingToResolve", Exit.NOT_FOUND, AS_IT_IS),
    ("worker.operator.dead_letters.letters.NoSuchDeadLetter", Exit.NOT_FOUND, AS_IT_IS),
    ("worker.operator.dead_letters.reader.DeadLettersNotKept", Exit.UNAVAILABLE, AS_IT_IS),
    ("worker.operator.dead_letters.letters.NotReplayed", Exit.UNAVAILABLE, AS_IT_IS),
    ("worker.operator.undelivered.NoSuchMessage", Exit.NOT_FOUND, AS_IT_IS),
    ("worker.operator.manual_logouts.NoOpenManualLogout", Exit.NOT_FOUND, AS_IT_IS),
    ("worker.operator.manual_logouts.NoSuchSite", Exit.NOT_FOUND, AS_IT_IS),
    ("worker.operator.partitions.repartition.RepartitionTimedOut", Exit.TIMED_OUT, AS_IT_IS),
    ("worker.operator.importing.import_records.ImportBusy", Exit.UNAVAILABLE, AS_IT_IS),
    (
        "worker.operator.importing.jsonl.ImportRefused",
        Exit.INVALID_DATA,
        "Nothing was imported. Correct these lines:\n{}",
    ),
    ("worker.local.unavailable.ServerUnavailable", Exit.UNAVAILABLE, AS_IT_IS),
    ("worker.telemetry.http.HttpUnavailableError", Exit.SETTINGS, AS_IT_IS),
    (
        "aiormq.exceptions.ChannelNotFoundEntity",
        Exit.NOT_READY,
        "{}. Run `activation-worker topology`.",
    ),
    ("worker.broker.connecting.refusals.BrokerUnavailable", Exit.UNAVAILABLE, BROKER),
    ("worker.broker.publishing.confirm_channel.NotPublished", Exit.UNAVAILABLE, BROKER),
    ("aiormq.exceptions.AMQPError", Exit.UNAVAILABLE, BROKER),
    ("worker.storage.connecting.lock_holders.LockKept", Exit.UNAVAILABLE, AS_IT_IS),
    ("worker.storage.connecting.errors.DatabaseUnavailable", Exit.UNAVAILABLE, DATABASE),
    ("sqlalchemy.exc.SQLAlchemyError", Exit.UNAVAILABLE, DATABASE),
    ("asyncpg.PostgresError", Exit.UNAVAILABLE, DATABASE),
    ("asyncpg.InterfaceError", Exit.UNAVAILABLE, DATABASE),
    ("asyncpg.InternalClientError", Exit.UNAVAILABLE, DATABASE),
    # Network errors of a server are named above: this one is of a file, or of this machine.
    ("builtins.OSError", Exit.UNAVAILABLE, SYSTEM),
)
"""For each kind of error its exit code and text; the first row that matches applies.

The kinds are names, so that a command loads only what it uses. Each is named in the module that
defines it, or in a package around that one.
"""

OF_SEVERAL_LINES: Final = frozenset(
    {
        "worker.operator.importing.jsonl.ImportRefused",
        "worker.local.unavailable.ServerUnavailable",
        "worker.runtime.environment.SettingsError",
    }
)
"""Errors that list what is wrong, one thing on each line; text of others begins no line of them."""

OLD_SCHEMA_STATES: Final = frozenset({"3F000", "42P01", "42703", "42883"})
"""SQLSTATEs of a missing schema, table, column or function."""


def explained(error: Exception) -> tuple[Exit, str] | None:
    """The exit code and the message; None for a defect of ours, which needs its traceback.

    What a server or a client wrote is escaped, and on one line.
    """
    cause = _unwrapped(error)
    if getattr(cause, "sqlstate", None) in OLD_SCHEMA_STATES:
        return Exit.NOT_READY, f"{on_one_line(str(cause))}. Run `activation-worker migrate`."
    for name, code, text in EXPLANATIONS:
        kind = _loaded(name)
        if kind is not None and isinstance(error, kind):
            words = str(cause) or type(cause).__name__
            return code, text.format(words if name in OF_SEVERAL_LINES else on_one_line(words))
    return None


def _loaded(name: str) -> type[Exception] | None:
    """The kind of error; None if its module is not loaded: then nothing can have raised it."""
    module, _, kind = name.rpartition(".")
    return getattr(sys.modules.get(module), kind, None)


def _unwrapped(error: Exception) -> BaseException:
    # SQLAlchemy's wrapper puts a class name before the message of the server; its cause does not.
    cause: BaseException | None = getattr(getattr(error, "orig", None), "__cause__", None)
    return cause or error
