"""The rights on the broker that each role needs, and the users that a deployment has.

Rights are patterns, as `rabbitmqctl set_permissions` takes them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["ROLES", "USERS", "Role", "User"]

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


@dataclass(frozen=True, slots=True)
class User:
    """A user of the broker, with the rights of all its roles."""

    name: str
    roles: tuple[Role, ...]
    can_see_policies: bool = False
    """Whether it may read the management API, for `check`."""

    @property
    def configure(self) -> str:
        """The pattern of what it may declare and delete."""
        return _either(role.configure for role in self.roles)

    @property
    def write(self) -> str:
        """The pattern of where it may publish, and of queues that it may bind."""
        return _either(role.write for role in self.roles)

    @property
    def read(self) -> str:
        """The pattern of what it may consume, and of exchanges that it may bind to."""
        return _either(role.read for role in self.roles)


def _either(patterns: Iterable[str]) -> str:
    different = [pattern for pattern in dict.fromkeys(patterns) if pattern != NOTHING]
    if len(different) <= 1:
        return different[0] if different else NOTHING
    return f"({'|'.join(different)})"


SERVING: Final = Role(
    "worker, with `WORKER_DECLARE_TOPOLOGY=false`",
    NOTHING,
    r"^(amq\.default|telephony\.(events|pbx|phone_number\.partitions))$",
    r"^telephony\.(phone_number\.(commands(\.bulk)?(\.partition-.*)?|reports)"
    r"|pbx\.results|directory)$",
)
DECLARING: Final = Role(
    "worker that declares the topology; commands `topology` and `partitions`",
    r"^(telephony|pbx)\..*$",
    r"^(amq\.default|(telephony|pbx)\..*)$",
    r"^(telephony|pbx)\..*$",
)
REPARTITIONING: Final = Role(
    "command `partitions`, if something else declares the topology",
    r"^telephony\.phone_number\.(partitions|commands(\.bulk)?\.partition-.*)$",
    r"^(amq\.default|telephony\.phone_number\.commands(\.bulk)?\.partition-.*)$",
    r"^telephony\.phone_number\.(partitions|commands(\.bulk)?\.partition-.*)$",
)
SENDING: Final = Role(
    "web tier that publishes commands; `send`", NOTHING, r"^telephony\.commands$", NOTHING
)
WAITING: Final = Role(
    "web tier, with a queue of its own for events or replies; `send --wait`, `send --preview`",
    f"^{OWN_QUEUE}$",
    rf"^(telephony\.commands|{OWN_QUEUE})$",
    rf"^(telephony\.events|{OWN_QUEUE})$",
)
REPLAYING: Final = Role(
    "reader of the event log, besides other roles",
    NOTHING,
    NOTHING,
    r"^telephony\.events\.log$",
)
PROVISIONING: Final = Role(
    "PBX provisioning system",
    NOTHING,
    r"^telephony\.pbx\.results$",
    r"^pbx\.(handset-logout|hunt-group-membership|extension-reset)$",
)
STATING: Final = Role(
    "systems that own numbers and services: directory messages",
    NOTHING,
    r"^telephony\.directory$",
    NOTHING,
)
OPERATING: Final = Role(
    "operators: `dead-letters`",
    NOTHING,
    r"^telephony\.(commands(\.unrouted)?|pbx\.results|directory)$",
    r"^telephony\.phone_number\.commands\.dead_letter$",
)
REPUBLISHING: Final = Role("operators: `republish`", NOTHING, r"^telephony\.events$", NOTHING)

ROLES: Final = (
    SERVING,
    DECLARING,
    REPARTITIONING,
    SENDING,
    WAITING,
    REPLAYING,
    PROVISIONING,
    STATING,
    OPERATING,
    REPUBLISHING,
)

USERS: Final = (
    User("telephony-web", (WAITING, REPLAYING)),
    User("telephony-worker", (SERVING,), can_see_policies=True),
    User("telephony-topology", (DECLARING,)),
    User("telephony-pbx", (PROVISIONING,)),
    User("telephony-directory", (STATING,)),
    User("telephony-operator", (OPERATING, REPUBLISHING)),
)
"""One for each party. The worker does not declare: `topology` and `partitions` have their own."""
