"""JSON Schemas (2020-12) of the messages, generated from their classes.

The schema of a received message requires what the worker needs, and is closed: an enumeration has
the listed values. docs/reading.md lists what the worker reads beyond it. The schema of a published
message requires what the worker always writes, and is open: a later version may add values to an
enumeration. Both allow additional fields.
"""

from activation_contracts.documents.schemas.messages import (
    DIALECT,
    LOCAL_REFERENCE,
    bundle,
    schema_file,
    schema_of,
)

__all__ = ["DIALECT", "LOCAL_REFERENCE", "bundle", "schema_file", "schema_of"]
