"""The page of one message."""

import json
from collections.abc import Iterator
from typing import Final

from activation_contracts.catalogue import (
    CATALOGUE,
    EVENT_EXCHANGE,
    REPLIES_FROM,
    MessageDefinition,
)
from activation_contracts.documents.reference.blocks import (
    Block,
    Bullets,
    Code,
    Files,
    Heading,
    Page,
    Paragraph,
    Table,
)
from activation_contracts.documents.reference.fields import alternatives, fields, first_paragraph
from activation_contracts.documents.reference.groups import group_of
from activation_contracts.documents.schemas import schema_of
from activation_contracts.examples import EXAMPLES
from activation_contracts.topology import EVENT_LOG, EXCHANGES

__all__ = ["message_page"]

_KINDS: Final = {exchange.name: exchange.kind for exchange in EXCHANGES}


def message_page(row: MessageDefinition) -> Page:
    """The page of a message."""
    return Page(row.type, row.type, tuple(_blocks(row)), group_of(row))


def _blocks(row: MessageDefinition) -> Iterator[Block]:
    guidance = row.guidance
    yield Paragraph(row.meaning)
    yield Bullets(tuple(_facts(row)))
    yield Heading("When it is sent")
    yield Paragraph(guidance.when)
    yield Heading("What may repeat or arrive late")
    yield Paragraph(guidance.repeats)
    yield Heading("What the receiver does")
    yield Paragraph(guidance.receiver)
    yield Heading("Fields")
    yield Paragraph(_attributes(row))
    yield from _payload(row)
    yield Files(((f"schemas/{row.type}.json", "the JSON Schema of this message"),))
    yield from _examples(row)


def _facts(row: MessageDefinition) -> Iterator[str]:
    yield f"Sent by: {row.guidance.sender[0].lower()}{row.guidance.sender[1:]}"
    if row.direction == "replied":
        yield "Sent to the queue that the AMQP property `reply_to` names, by the default exchange."
        return
    yield f"Exchange: `{row.exchange}` ({_KINDS[row.exchange]})"
    yield f"Routing key: `{row.routing_key.replace('{', '<').replace('}', '>')}`"
    if row.queue:
        yield f"Queue: `{row.queue}`"
    elif row.exchange == EVENT_EXCHANGE:
        yield f"Queue: bind one of your own; the stream `{EVENT_LOG}` keeps a copy"
    if row.bulk_queue:
        yield f"Many at once: routing key `{row.bulk_routing_key}`, queue `{row.bulk_queue}`"
    if requests := [request.type for request in CATALOGUE if _answers(row, request)]:
        yield f"As a reply: to the `reply_to` of {_listed(requests)}"


def _answers(row: MessageDefinition, request: MessageDefinition) -> bool:
    return row.message in REPLIES_FROM.get(request.queue or "", ())


def _listed(types: list[str]) -> str:
    return " and ".join(f"`{it}`" for it in types)


def _attributes(row: MessageDefinition) -> str:
    schema = schema_of(row)
    required = schema["required"]
    always = ", ".join(f"`{name}`" for name in schema["properties"] if name in required)
    perhaps = ", ".join(f"`{name}`" for name in schema["properties"] if name not in required)
    if row.direction == "received":
        return f"Of the envelope, the worker requires {always}. You may add {perhaps}."
    return f"Of the envelope, {always} are always there; {perhaps} only where there is a value."


def _payload(row: MessageDefinition) -> Iterator[Block]:
    choices = alternatives(row)
    is_received = row.direction == "received"
    for number, (schema, definitions) in enumerate(choices):
        text = first_paragraph(schema["description"])
        lead = "Or `data` holds" if number else "`data` holds"
        yield Paragraph(f"{lead}: {text[0].lower()}{text[1:]}")
        yield Table(
            ("field", "type", "required" if is_received else "always there", "meaning"),
            tuple(
                (f"`{it.path}`", it.type, "yes" if it.is_required else "no", it.description)
                for it in fields(schema, definitions)
            ),
        )


def _examples(row: MessageDefinition) -> Iterator[Block]:
    examples = {name: it for name, it in EXAMPLES.items() if it.type == row.type}
    yield Heading("Example" if len(examples) == 1 else "Examples")
    for name, example in examples.items():
        yield Code("json", json.dumps(json.loads(example.encode()), indent=2))
        yield Files(((f"examples/{name}.json", "this example as a file"),))
