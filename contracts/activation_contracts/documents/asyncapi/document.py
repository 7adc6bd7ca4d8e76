"""The whole document: what is general, and its parts."""

from typing import Any, Final

from activation_contracts.documents.asyncapi.channels import channels
from activation_contracts.documents.asyncapi.messages import messages, schemas
from activation_contracts.documents.asyncapi.operations import operations
from activation_contracts.documents.asyncapi.tags import TAGS
from activation_contracts.documents.schemas.docstrings import prose
from activation_contracts.envelope import CONTENT_TYPE

__all__ = ["asyncapi_document"]

Document = dict[str, Any]

_DESCRIPTION: Final = """\
Activates and deactivates phone numbers for the tenants of office buildings.

The document describes the worker: you send what it receives, and receive what it sends. The address
of a channel is the routing key; its binding names the exchange. Publish persistent and mandatory,
with publisher confirms. To receive events, bind a queue of your own."""

_SECURITY: Final[Document] = {
    "password": {
        "type": "userPassword",
        "description": "A user of the broker. Each role needs few rights.",
    }
}


def asyncapi_document() -> Document:
    """The document from the worker's view: it receives commands and results and sends the rest."""
    return {
        "asyncapi": "3.1.0",
        "id": "urn:activation-worker",
        "info": {
            "title": "Activation worker",
            "version": "1.0.0",
            "description": prose(_DESCRIPTION),
            "tags": [{"$ref": f"#/components/tags/{name}"} for name in TAGS],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "tls": _server("amqps", "5671", "RabbitMQ, encrypted."),
            "plain": _server("amqp", "5672", "RabbitMQ, inside a trusted network."),
        },
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages(),
            "schemas": schemas(),
            "securitySchemes": _SECURITY,
            "tags": {name: {"name": name, "description": text} for name, text in TAGS.items()},
        },
    }


def _server(protocol: str, port: str, description: str) -> Document:
    return {
        "host": "{host}:{port}",
        "pathname": "/{virtual_host}",
        "protocol": protocol,
        "protocolVersion": "0.9.1",
        "description": description,
        "variables": {
            "host": {"description": "A node of the broker.", "default": "localhost"},
            "port": {"description": "Its port for AMQP.", "default": port},
            "virtual_host": {
                "description": "The virtual host of the platform, percent-encoded.",
                "default": "%2F",
            },
        },
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
    }
