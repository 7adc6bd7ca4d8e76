"""INSERT statements for `store`: a test names only the columns that matter to it."""

from collections.abc import Mapping
from datetime import date

__all__ = [
    "Expression",
    "call_settings",
    "commands",
    "handset_login",
    "hunt_group_member",
    "manual_logout",
    "many_numbers",
    "operation",
    "outbox_message",
    "pbx_step",
    "phone_numbers",
    "voice_service",
]


class Expression(str):
    """SQL in place of a value."""

    __slots__ = ()


NOW = Expression("now()")


def voice_service(quantity: int, account_id: str = "acme", **columns: object) -> str:
    """Voice services of an account at a site."""
    return _insert(
        "voice_services",
        {
            "service_id": f"service-{account_id}",
            "account_id": account_id,
            "account_kind": "occupier",
            "site_id": "london",
            "quantity": quantity,
            **columns,
        },
    )


def phone_numbers(*numbers: str, **columns: object) -> str:
    """Numbers of one account at one site, RESERVED if nothing else is given."""
    common = {"account_id": "acme", "site_id": "london", "status": "RESERVED", **columns}
    return _insert("phone_numbers", *({"phone_number": number, **common} for number in numbers))


def many_numbers(first: int, last: int, status: str = "RESERVED") -> str:
    """Numbers of one account at one site, counted: +44207 and seven digits."""
    return f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
        SELECT '+44207' || lpad(place::text, 7, '0'), 'london', 'acme', '{status}'
        FROM generate_series({first}, {last}) AS place"""


def call_settings(main_number: str, **columns: object) -> str:
    """Where calls to a main number go: to a hunt group, if nothing else is given."""
    slots = {"in_hours": "hunt_group", "out_of_hours": "none", "unanswered": "none"}
    settings = {"phone_number": main_number, "hunt_group_id": "reception", **slots, **columns}
    return _insert("call_settings", settings)


def hunt_group_member(number: str, hunt_group_id: str = "reception") -> str:
    """The membership of a number in a hunt group."""
    return _insert("hunt_group_members", {"phone_number": number, "hunt_group_id": hunt_group_id})


def handset_login(number: str, device_id: str = "desk-7", device_kind: str = "digital") -> str:
    """The login of a number at a device."""
    login = {"phone_number": number, "device_id": device_id, "device_kind": device_kind}
    return _insert("handset_logins", login)


def manual_logout(number: str, device_id: str = "fax", **columns: object) -> str:
    """A manual logout, open since now if nothing else is given."""
    return _insert(
        "manual_logouts",
        {
            "phone_number": number,
            "device_id": device_id,
            "device_kind": "analogue",
            "extension": "101",
            "account_id": "acme",
            "site_id": "london",
            "command_source": "/tests/web-tier",
            "command_id": "command-1",
            "required_at": NOW,
            **columns,
        },
    )


def commands(count: int, name: str, **columns: object) -> str:
    """Commands of the ledger with the ids `name-1` to `name-count`, completed now by default."""
    row = {
        "source": "/tests/web-tier",
        "command_id": Expression(f"'{name}-' || place"),
        "fingerprint": "fingerprint-1",
        "original": True,
        "operation": "activate",
        "phone_number": "+442079460000",
        "account_id": "acme",
        "site_id": "london",
        "correlation_id": "command-1",
        "received_at": NOW,
        "outcome": "completed",
        "ended_at": NOW,
        "answer": '{"id": "answer-1", "type": "telephony.phone_number.status_changed.v1"}',
        **columns,
    }
    values = ", ".join(map(_literal, row.values()))
    series = f"SELECT {values} FROM generate_series(1, {count}) AS place"
    return f"INSERT INTO commands ({', '.join(row)}) {series}"


def operation(number: str, **columns: object) -> str:
    """An operation under way, an activation that began now if nothing else is given."""
    return _insert(
        "operations",
        {
            "phone_number": number,
            "operation": "activate",
            "command_source": "/tests/web-tier",
            "command_id": "command-1",
            "fingerprint": "fingerprint-1",
            "correlation_id": "command-1",
            "since": NOW,
            "at_risk_at": Expression("now() + interval '1 minute'"),
            "deadline": Expression("now() + interval '5 minutes'"),
            **columns,
        },
    )


def pbx_step(number: str, **columns: object) -> str:
    """A step whose result is awaited: of an activation, if nothing else is given."""
    return _insert(
        "pbx_steps",
        {
            "step_id": "step-1",
            "phone_number": number,
            "command_source": "/tests/web-tier",
            "command_id": "command-1",
            "step": "activation",
            "state": "open",
            "attempt": 1,
            "requested_at": NOW,
            "message_type": "telephony.phone_number.status_changed.v1",
            "exchange": "telephony.events",
            "routing_key": "phone_number.status.pending",
            "correlation_id": "command-1",
            "must_be_routed": True,
            "body": "{}",
            **columns,
        },
    )


def outbox_message(subject: str, **columns: object) -> str:
    """A message of the outbox that was not published yet."""
    return _insert(
        "outbox",
        {
            "subject": subject,
            "holds_operation": False,
            "message_id": "message-1",
            "message_type": "telephony.phone_number.status_changed.v1",
            "exchange": "telephony.events",
            "routing_key": "phone_number.status.pending",
            "correlation_id": "command-1",
            "must_be_routed": True,
            "body": "{}",
            "decided_at": NOW,
            "queued_at": NOW,
            **columns,
        },
    )


def _insert(table: str, *rows: Mapping[str, object]) -> str:
    values = ", ".join(f"({', '.join(map(_literal, row.values()))})" for row in rows)
    return f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES {values}"


def _literal(value: object) -> str:
    if isinstance(value, Expression):
        return value
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    text = value.isoformat() if isinstance(value, date) else str(value)
    return "'{}'".format(text.replace("'", "''"))
