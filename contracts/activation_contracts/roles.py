"""The rights on the broker that each role needs, as patterns for `rabbitmqctl set_permissions`."""

from dataclasses import dataclass
from typing import Final

__all__ = ["ROLES", "Role"]

NOTHING: Final = "^$"
OWN_QUEUE: Final = r"amq\.gen.*"
"""Matches a queue that the broker names for one client."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role of broker users: one pattern each for configure, write and read."""

    name: str
    configure: str
    write: str
    read: str


ROLES: Final = (
    Role(
        "worker, with `WORKER_DECLARE_TOPOLOGY=false`",
        NOTHING,
        r"^(amq\.default|telephony\.(events|pbx|phone_number\.partitions))$",
        r"^telephony\.(phone_number\.(commands(\.bulk)?(\.partition-.*)?|reports)"
        r"|pbx\.results|directory)$",
    ),
    Role(
        "worker that declares the topology; commands `topology` and `partitions`",
        r"^(telephony|pbx)\..*$",
        r"^(amq\.default|(telephony|pbx)\..*)$",
        r"^(telephony|pbx)\..*$",
    ),
    Role(
        "command `partitions`, if something else declares the topology",
        r"^telephony\.phone_number\.(partitions|commands(\.bulk)?\.partition-.*)$",
        r"^(amq\.default|telephony\.phone_number\.commands(\.bulk)?\.partition-.*)$",
        r"^telephony\.phone_number\.(partitions|commands(\.bulk)?\.partition-.*)$",
    ),
    Role("web tier that publishes commands; `send`", NOTHING, r"^telephony\.commands$", NOTHING),
    Role(
        "web tier, with a queue of its own for events or replies; `send --wait`, `send --preview`",
        f"^{OWN_QUEUE}$",
        rf"^(telephony\.commands|{OWN_QUEUE})$",
        rf"^(telephony\.events|{OWN_QUEUE})$",
    ),
    Role(
        "reader of the event log, besides other roles",
        NOTHING,
        NOTHING,
        r"^telephony\.events\.log$",
    ),
    Role(
        "PBX provisioning system",
        NOTHING,
        r"^telephony\.pbx\.results$",
        r"^pbx\.(handset-logout|hunt-group-membership|extension-reset)$",
    ),
    Role(
        "systems that own numbers and services: directory messages",
        NOTHING,
        r"^telephony\.directory$",
        NOTHING,
    ),
    Role(
        "operators: `dead-letters`",
        NOTHING,
        r"^telephony\.(commands(\.unrouted)?|pbx\.results|directory)$",
        r"^telephony\.phone_number\.commands\.dead_letter$",
    ),
    Role("operators: `republish`", NOTHING, r"^telephony\.events$", NOTHING),
)
