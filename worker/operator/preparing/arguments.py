"""Compares exchanges, queues and bindings with the contracts by the management API.

A user who may not declare them cannot see their arguments over AMQP, and bindings nobody can.
"""

from collections.abc import Iterator, Mapping, Sequence

from activation_contracts.topology import EVENT_LOG, Argument, Exchange, Queue

from worker.broker.topology import RETENTION, TopologyMismatch
from worker.operator.preparing.management import Item, read_management
from worker.settings import Settings

__all__ = ["require_as_declared"]


async def require_as_declared(
    settings: Settings, exchanges: Sequence[Exchange], queues: Sequence[Queue]
) -> None:
    """Raises `TopologyMismatch`, which names each difference."""
    columns = ("name", "type", "durable", "arguments")
    differences = [
        *_differences(
            "exchange",
            {item.name: {**item.arguments, "type": item.kind} for item in exchanges},
            await read_management(settings, "exchanges", columns),
        ),
        *_differences(
            "queue",
            {item.name: item.arguments for item in queues},
            await read_management(settings, "queues", columns),
        ),
        *_missing_bindings(
            queues,
            await read_management(settings, "bindings", ("source", "destination", "routing_key")),
        ),
    ]
    if differences:
        raise TopologyMismatch(
            f"The broker differs from the contracts: {'; '.join(differences)}. Run"
            " `activation-worker topology`; what exists with other properties must be emptied and"
            " deleted before."
        )


def _differences(
    kind: str, wanted: Mapping[str, Mapping[str, Argument]], found: Sequence[Item]
) -> Iterator[str]:
    existing = {item["name"]: item for item in found}
    for name, arguments in wanted.items():
        if name not in existing:
            yield f"{kind} {name} is missing"
            continue
        own = {**existing[name]["arguments"], "durable": existing[name]["durable"]}
        if kind == "exchange":
            own["type"] = existing[name]["type"]
        yield from _different_arguments(f"{kind} {name}", {**arguments, "durable": True}, own)


def _different_arguments(
    what: str, wanted: Mapping[str, Argument], found: Mapping[str, Argument]
) -> Iterator[str]:
    # RabbitMQ cannot change how long a stream keeps events: `check` remarks it, and nothing fails.
    ignored = RETENTION if what.endswith(EVENT_LOG) else ()
    for key in sorted({*wanted, *found} - {*ignored}):
        if wanted.get(key) != found.get(key):
            yield (
                f"{what} has {key} {_shown(found.get(key))} instead of {_shown(wanted.get(key))}"
            )


def _shown(value: Argument | None) -> str:
    return "unset" if value is None else repr(value)


def _missing_bindings(queues: Sequence[Queue], found: Sequence[Item]) -> Iterator[str]:
    existing = {(item["source"], item["destination"], item["routing_key"]) for item in found}
    for queue in queues:
        for binding in queue.bindings:
            if (binding.exchange, queue.name, binding.routing_key) not in existing:
                yield (
                    f"queue {queue.name} is not bound to {binding.exchange} by"
                    f" {binding.routing_key!r}"
                )
