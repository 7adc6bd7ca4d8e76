"""Descriptions of annotated types, for the schemas."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

__all__ = ["DEFINITION", "Described"]

DEFINITION: Final = "x-definition"
"""Marks, while a schema is generated, a type that becomes a definition with this name."""

LINE_END: Final = "[\\n\\r\\x85\u2028\u2029]"
"""What `$` takes for the end of a line: in Java all of these, in Python and PCRE2 the first."""


@dataclass(frozen=True, slots=True)
class Described:
    """Metadata of an annotated type. Validation does not use it.

    A type with a `name` is a definition of its own in each schema that uses it.
    """

    description: str
    name: str | None = None
    examples: tuple[str, ...] = ()
    one_line: bool = False
    """Repeats apart from the pattern that no end of a line is allowed. In several languages `$`
    also matches before one at the end of the text."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Called by pydantic."""
        described = {"description": self.description, **handler(schema)}
        if self.one_line:
            described["not"] = {"pattern": LINE_END}
        if self.examples:
            described["examples"] = [*self.examples]
        if self.name is not None:
            described[DEFINITION] = self.name
        return described
