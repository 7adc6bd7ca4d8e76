"""Reads published messages whose enumerations have values that this version does not know.

Within `.v1` the worker may add values to what it publishes, and a reader accepts them as text.
"""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel
from pydantic_core import CoreSchema, SchemaValidator

from activation_contracts.envelope import Envelope

__all__ = ["validated_with_open_values"]

MessageT = TypeVar("MessageT", bound=Envelope)
Schema = dict[str, Any]

TEXT: Final = ({"type": "str"}, "(text)")
"""The alternative, with a name that error texts leave out."""


def validated_with_open_values(event: Mapping[str, object], model: type[MessageT]) -> MessageT:
    """The message; a value that is none of its enumeration is a plain string.

    Raises pydantic's `ValidationError`.
    """
    message: MessageT = _validator_of(model).validate_python(event)
    return message


@cache
def _validator_of(model: type[Envelope]) -> SchemaValidator:
    closed = cast("Schema", model.__pydantic_core_schema__)
    return SchemaValidator(cast("CoreSchema", _opened(closed)))


def _opened(schema: Schema) -> Schema:
    """The schema of pydantic with any string as the alternative to each enumeration.

    The schema of a model becomes one of its fields: pydantic would otherwise validate by the model.
    """
    reference = {"ref": schema["ref"]} if "ref" in schema else {}
    if schema.get("type") == "model":
        construct = {"type": "no-info", "function": partial(_constructed, schema["cls"])}
        fields = _opened_fields(schema)
        return {"type": "function-after", "function": construct, "schema": fields, **reference}
    opened = {name: _opened_in(value) for name, value in schema.items() if name != "metadata"}
    if schema.get("type") == "enum" or _is_literal_text(schema):
        opened.pop("ref", None)
        # By default a string would be preferred to a member of the enumeration.
        choices = {"choices": [(opened, "(known)"), TEXT], "mode": "left_to_right"}
        return {"type": "union", **choices, **reference}
    return opened


def _opened_fields(model: Schema) -> Schema:
    fields: Schema = model["schema"]
    if not issubclass(model["cls"], Envelope):
        return _opened(fields)
    # The literals of the envelope are constants: no later version changes them.
    data = _opened(fields["fields"]["data"])
    return {**fields, "fields": {**fields["fields"], "data": data}}


def _is_literal_text(schema: Schema) -> bool:
    return schema.get("type") == "literal" and all(isinstance(it, str) for it in schema["expected"])


def _opened_in(value: object) -> object:
    if isinstance(value, list):
        return [_opened_in(each) for each in value]
    return _opened(value) if isinstance(value, dict) else value


def _constructed(
    model: type[BaseModel], fields: tuple[dict[str, object], object, set[str]]
) -> BaseModel:
    values, _, given = fields
    return model.model_construct(given, **values)
