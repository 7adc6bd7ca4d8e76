"""The AsyncAPI document, generated from the catalogue and the topology."""

from activation_contracts.documents.asyncapi.document import asyncapi_document

__all__ = ["asyncapi_document"]
