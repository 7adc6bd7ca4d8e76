"""The first page: all messages by group, and what they have in common."""

from collections.abc import Iterator
from typing import Final

from activation_contracts.catalogue import CATALOGUE, MessageDefinition
from activation_contracts.documents.reference.blocks import (
    INDEX,
    Block,
    Bullets,
    Files,
    Guides,
    Heading,
    Page,
    Paragraph,
    Table,
)
from activation_contracts.documents.reference.groups import GROUPS, meaning_of, rows_of
from activation_contracts.documents.schemas import schema_of
from activation_contracts.envelope import CONTENT_TYPE

__all__ = ["index_page"]

_RULES_FOR_SENDERS: Final = (
    (
        "The body is one CloudEvents 1.0 event as JSON (structured mode), in UTF-8, with the "
        f"content type `{CONTENT_TYPE}`."
    ),
    (
        "Publish persistent and mandatory, and wait for the confirm. Without one, publish again "
        "under the same `id`: nothing is carried out twice."
    ),
    "Give each message an `id` of its own; `id` and `source` together identify it.",
    (
        "Send what the schema says. The worker ignores fields that it does not know, and refuses a "
        "wrong value: such a message becomes a dead letter, under one of the codes for "
        "`Unreadable messages`."
    ),
)
_RULES_FOR_READERS: Final = (
    (
        "Read the body; the AMQP properties only repeat it. Acknowledge after you have stored or "
        "done what follows."
    ),
    (
        "Any message may come twice. `telephony.phone_number.status_changed.v1` and PBX messages "
        "are judged by their `sequence`; recognise a repeat of any other by its `id`."
    ),
    "Ignore fields, values and types that you do not know: a version only ever gets additions.",
    "Decide by codes and values, never by texts that are for people.",
)
_ROLES: Final = (
    (
        "If you command numbers, bind a queue to `telephony.events` by `phone_number.#`. Publish "
        "`telephony.phone_number.activate.v1` with your `id`. Read "
        "`telephony.phone_number.command_rejected.v1`, or PENDING and then ACTIVE "
        "(`telephony.phone_number.status_changed.v1`), or "
        "`telephony.phone_number.operation_failed.v1`: the `command_id` is your `id`."
    ),
    (
        "If you run a PBX, consume the three queues of `telephony.pbx`, make each stated end "
        "state true, and acknowledge. Where the operator awaits results, publish "
        "`telephony.pbx.result.v1`."
    ),
    (
        "If you own records, publish a directory message, such as "
        "`telephony.directory.phone_number.v1`, for each change of a record, with a `version` that "
        "rises. Bind `directory.conflict` to learn what was not applied."
    ),
    (
        "If you come late, bind your queue, ask for a `telephony.phone_number.report.v1`, and "
        "apply the events that are newer than the answer."
    ),
)

_GUIDES: Final = (
    ("web-tier.md", "for the web tier, with a whole program"),
    ("other-languages.md", "whole programs in JavaScript and Java"),
    ("pbx.md", "for PBX engineers"),
    ("conformance.md", "a kit that tests a PBX"),
    ("directory.md", "for the systems that own the records"),
    ("event-log.md", "how to replay events"),
    ("reading.md", "what the worker forgives when it reads"),
    ("compatibility.md", "what may change, and what never does"),
)


def index_page() -> Page:
    """The index of the reference."""
    return Page(INDEX, "Message reference", tuple(_blocks()))


def _blocks() -> Iterator[Block]:
    yield Paragraph(
        "All messages between the telephony platform and the activation worker, which activates "
        "and deactivates phone numbers. Everything is AMQP 0-9-1 and JSON, in any language."
    )
    yield Heading("Where to begin")
    yield Bullets(_ROLES)
    yield Heading("Statuses, codes and values")
    yield Bullets(
        (
            "`The status of a number`: five states, what each allows, and every change.",
            "`All codes`: refusals, unreadable messages, failures, conflicts, and what to do.",
            "`Values and formats`: every enumeration and every format.",
        )
    )
    yield Guides(_GUIDES)
    for group in GROUPS.values():
        yield Heading(group)
        yield Paragraph(meaning_of(group))
        yield Table(
            ("type", "routing key", "meaning"), tuple(_summary(row) for row in rows_of(group))
        )
    yield Heading("Rules for senders")
    yield Bullets(_RULES_FOR_SENDERS)
    yield Heading("Rules for readers")
    yield Bullets(_RULES_FOR_READERS)
    yield Heading("The envelope")
    yield Table(
        ("attribute", "in what you send", "in what the worker sends", "meaning"),
        tuple(_envelope()),
    )
    yield Heading("Files for programs")
    yield Files(
        (
            ("schemas.json", "all schemas in one file, for validators and generators of types"),
            ("asyncapi.json", "an AsyncAPI 3 document of all channels"),
            ("topology.json", "exchanges, queues, bindings, and where each type goes"),
            ("rabbitmq-definitions.json", "the same for `rabbitmqctl import_definitions`"),
        )
    )


def _summary(row: MessageDefinition) -> tuple[str, ...]:
    key = row.routing_key.replace("{", "<").replace("}", ">")
    bulk = f"; many at once: `{row.bulk_routing_key}`" if row.bulk_routing_key else ""
    return (f"`{row.type}`", f"`{key}`{bulk}", row.meaning)


def _envelope() -> Iterator[tuple[str, ...]]:
    received = [schema_of(row) for row in CATALOGUE if row.direction == "received"]
    published = [schema_of(row) for row in CATALOGUE if row.direction != "received"]
    for name, content in received[0]["properties"].items():
        meaning = content["description"]
        sent = "required" if name in received[0]["required"] else "optional"
        yield (f"`{name}`", sent, _presence(name, published), meaning)


def _presence(name: str, schemas: list[dict[str, object]]) -> str:
    """How many of these messages have the attribute."""
    if not any(name in _names(schema, "properties") for schema in schemas):
        return "never"
    required = [name in _names(schema, "required") for schema in schemas]
    if all(required):
        return "always"
    return "in most messages" if any(required) else "if there is a value"


def _names(schema: dict[str, object], key: str) -> list[str]:
    names = schema[key]
    return [*names] if isinstance(names, list | dict) else []
