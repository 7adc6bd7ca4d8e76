"""Cases about content that is valid, and odd."""

from typing import Final

from activation_contracts.conformance import rules
from activation_contracts.conformance.cases.case import Case
from activation_contracts.conformance.requests import (
    answered,
    at_once,
    carried_out,
    changed,
    from_a_newer_version,
    refused,
    with_an_unknown_action,
)

__all__ = ["CONTENT", "LONGEST_NAME", "ODD_TEXTS"]

LONGEST_NAME: Final = "\u00fc" * 128

ODD_TEXTS: Final = (
    "Empfang & Küche <3. Stock>",
    "\u53d7\u4ed8\uff08\u672c\u793e\uff09",
    "\u0645\u0643\u062a\u0628 \u0627\u0644\u0627\u0633\u062a\u0642\u0628\u0627\u0644",
    "\U0001f469\u200d\U0001f4bb desk \U0001f4de",
    'it\'s "quoted" \\ and 100 %s; DROP TABLE members; --',
    " two  spaces\tand a\nline break ",
    "Caf\u00e9 in one character",
    "Cafe\u0301 in two characters",
    "../../etc/passwd",
    "null",
)
"""Names that are valid, and that programs tend to mistreat."""

CONTENT: Final = (
    Case(
        "unknown-fields",
        "Fields and attributes that a later minor version adds are ignored.",
        rules.IGNORE_UNKNOWN,
        lambda make: tuple(
            from_a_newer_version(carried_out(message))
            for message in (make.add(1), make.logout(1), make.reset(1))
        ),
    ),
    Case(
        "unknown-action",
        "A membership has an `action` that a later minor version adds: it is refused.",
        rules.UNKNOWN_ACTION,
        lambda make: (
            carried_out(make.add(1)),
            refused(with_an_unknown_action(carried_out(make.add(2)))),
            changed(make.remove(3)),
        ),
    ),
    Case(
        "no-extension",
        "The extension is null.",
        rules.EXTENSION,
        lambda make: tuple(
            carried_out(message)
            for message in (
                make.about(without_extension=True).add(1),
                make.about(without_extension=True).logout(1),
                make.about(without_extension=True).reset(1),
            )
        ),
    ),
    Case(
        "odd-names",
        "Names hold text that programs tend to mistreat. Any answer is right.",
        rules.TEXT,
        lambda make: tuple(
            at_once(answered(ask(1, text))) for text in ODD_TEXTS for ask in (make.add, make.logout)
        ),
    ),
    Case(
        "long-names",
        "Names have 128 characters, in 256 bytes of UTF-8. Any answer is right.",
        rules.TEXT,
        lambda make: tuple(answered(ask(1, LONGEST_NAME)) for ask in (make.add, make.logout)),
    ),
    Case(
        "shortest-and-longest-number",
        "Phone numbers have 7 and 15 digits. Any answer is right.",
        rules.REFUSAL,
        lambda make: (
            answered(make.about(phone_number="+1234567").reset(1)),
            answered(make.about(phone_number="+123456789012345").reset(1)),
        ),
    ),
)
"""Unknown fields, odd and long text."""
