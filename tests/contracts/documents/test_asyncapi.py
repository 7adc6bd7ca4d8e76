"""The AsyncAPI document: complete, and without fault for the official parser."""

import json
import re
from typing import Any

from activation_contracts.catalogue import (
    BULK_COMMAND_QUEUE,
    CATALOGUE,
    COMMANDS,
    DIRECTORY_EXCHANGE,
    EVENT_EXCHANGE,
    definition_of,
)
from activation_contracts.documents.asyncapi import asyncapi_document
from activation_contracts.topology import (
    DEAD_LETTER_QUEUE,
    EVENT_LOG,
    EVENT_LOG_DAYS,
    EXCHANGES,
    QUEUES,
    event_log,
)

from tests.contracts.exported import EXPORTED
from tests.support.node import NodeProject
from worker.broker.forwarding import DEAD_LETTER_HEADERS

DEAD_LETTERS = "dead_letters"
RECEIVED = {row.type for row in CATALOGUE if row.direction == "received"}
IN_BULK = {f"{name}.bulk" for name in COMMANDS}


def target_of(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def references_in(node: Any) -> list[str]:
    if isinstance(node, dict):
        inner = [found for value in node.values() for found in references_in(value)]
        return [node["$ref"], *inner] if isinstance(node.get("$ref"), str) else inner
    if isinstance(node, list):
        return [found for value in node for found in references_in(value)]
    return []


def test_official_parser_has_no_remark(contract_tools: NodeProject) -> None:
    said = json.loads(contract_tools.run("diagnose.cjs", str(EXPORTED / "asyncapi.json")))

    assert said == {"diagnostics": [], "parsed": True}


def test_every_reference_has_a_target() -> None:
    document = asyncapi_document()
    references = references_in(document)

    assert references
    assert all(target_of(document, reference) for reference in references)


def test_worker_receives_commands_and_results_and_sends_the_rest() -> None:
    operations = asyncapi_document()["operations"]

    assert {name: operation["action"] for name, operation in operations.items()} == {
        **{row.type: "receive" if row.direction == "received" else "send" for row in CATALOGUE},
        **dict.fromkeys(IN_BULK, "receive"),
        DEAD_LETTERS: "send",
    }


def test_every_channel_is_used_by_an_operation_or_a_reply() -> None:
    document = asyncapi_document()
    used = {
        place["channel"]["$ref"].removeprefix("#/channels/")
        for operation in document["operations"].values()
        for place in (operation, *([operation["reply"]] if "reply" in operation else []))
    }

    assert used == {*document["channels"]}


def test_an_operation_is_on_the_routing_key_and_the_exchange_of_its_message() -> None:
    document = asyncapi_document()

    for row in CATALOGUE:
        if row.direction != "replied":
            operation = document["operations"][row.type]
            channel = target_of(document, operation["channel"]["$ref"])
            amqp = channel["bindings"]["amqp"]
            assert channel["address"] == row.routing_key
            assert (amqp["is"], amqp["exchange"]["name"]) == ("routingKey", row.exchange)
            assert {*channel["messages"]} == {row.type}


def test_a_command_in_bulk_is_received_by_its_second_routing_key_from_the_bulk_queue() -> None:
    document = asyncapi_document()

    for name in IN_BULK:
        channel = target_of(document, document["operations"][name]["channel"]["$ref"])
        (message,) = channel["messages"]
        assert channel["address"] == f"{definition_of(COMMANDS[message]).routing_key}.bulk"
        assert [queue["name"] for queue in channel["x-queues"]] == [BULK_COMMAND_QUEUE]


def test_a_channel_describes_each_parameter_of_its_address() -> None:
    for channel in asyncapi_document()["channels"].values():
        parameters = channel.get("parameters", {})
        assert {*parameters} == {*re.findall(r"\{(\w+)\}", channel["address"] or "")}
        assert all(parameter["description"] for parameter in parameters.values())


def test_a_channel_has_the_arguments_of_its_exchange() -> None:
    channels = asyncapi_document()["channels"]
    exchange = next(it for it in EXCHANGES if it.name == DIRECTORY_EXCHANGE)

    for row in CATALOGUE:
        if row.exchange == DIRECTORY_EXCHANGE:
            assert channels[row.type]["x-exchange-arguments"] == exchange.arguments


def test_a_channel_has_the_queues_that_its_messages_reach_with_arguments_and_bindings() -> None:
    channels = asyncapi_document()["channels"]
    declared = {queue.name: queue for queue in (*QUEUES, event_log(EVENT_LOG_DAYS))}
    shown: dict[str, dict[str, Any]] = {
        queue["name"]: queue
        for channel in channels.values()
        for queue in channel.get("x-queues", [])
    }

    assert {*shown} == {*declared}
    for name, queue in shown.items():
        assert queue["arguments"] == dict(declared[name].arguments)
        assert len(queue["bindings"]) == len(declared[name].bindings)
    for row in CATALOGUE:
        if row.direction != "replied":
            names = {queue["name"] for queue in channels[row.type]["x-queues"]}
            logs = {EVENT_LOG} if row.exchange == EVENT_EXCHANGE else set()
            assert names == logs | ({row.queue} if row.queue else set())


def test_the_answer_to_an_unreadable_message_is_a_reply_to_everything_received() -> None:
    document = asyncapi_document()
    reply = {"$ref": "#/channels/replies/messages/telephony.message.unreadable.v1"}
    answered = {
        name
        for name, operation in document["operations"].items()
        if reply in operation.get("reply", {}).get("messages", [])
    }

    assert answered == {*RECEIVED, *IN_BULK}
    sent = document["operations"]["telephony.message.unreadable.v1"]
    assert sent["channel"] == {"$ref": "#/channels/replies"}


def test_dead_letters_are_sent_to_their_queue_with_the_headers_that_the_worker_adds() -> None:
    document = asyncapi_document()
    channel = document["channels"][DEAD_LETTERS]
    message = document["components"]["messages"][DEAD_LETTERS]

    assert channel["address"] == DEAD_LETTER_QUEUE
    assert {*message["headers"]["properties"]} == {*DEAD_LETTER_HEADERS}


def test_every_message_has_an_example_and_names_its_correlation_id() -> None:
    messages = asyncapi_document()["components"]["messages"]

    for row in CATALOGUE:
        assert messages[row.type]["examples"]
        assert messages[row.type]["correlationId"]["location"] == "$message.payload#/correlationid"


def test_every_server_is_secured() -> None:
    document = asyncapi_document()

    for server in document["servers"].values():
        schemes = [target_of(document, scheme["$ref"]) for scheme in server["security"]]
        assert [scheme["type"] for scheme in schemes] == ["userPassword"]
