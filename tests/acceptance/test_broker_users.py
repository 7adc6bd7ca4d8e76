"""The users of a deployment, imported into a broker, may do what they need and nothing else."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from activation_contracts.topology import EVENT_LOG, EXCHANGES, QUEUES
from activation_contracts.topology.definitions import rabbitmq_permissions
from activation_contracts.topology.roles import USERS

from tests.support.environments import Environment, environment
from tests.support.installed_command import command
from worker.broker.connecting.connection import BrokerRefused, connect
from worker.broker.partition_queues import PARTITION_EXCHANGE
from worker.broker.rights import DEFAULT_EXCHANGE, Right, missing_rights
from worker.cli.exits import Exit
from worker.docs.definitions import FILES, FOLDER, text_of
from worker.local import PrivateServers

__all__ = ["environment"]

PASSWORD = "of-this-test"  # noqa: S105 -- of users that the test creates
OWN_QUEUE = "amq.gen-of-this-test"
PARTITION_QUEUE = "telephony.phone_number.commands.partition-0-of-2"
ALL_EXCHANGES = (
    *(exchange.name for exchange in EXCHANGES),
    *(PARTITION_EXCHANGE, DEFAULT_EXCHANGE, "billing", "amq.topic"),
)
ALL_QUEUES = (
    *(queue.name for queue in QUEUES),
    *(EVENT_LOG, PARTITION_QUEUE, OWN_QUEUE, "billing", "reply.of-another"),
)
DECLARED = {name for name in (*ALL_EXCHANGES, *ALL_QUEUES) if name.startswith(("telephony", "pbx"))}
"""What is the platform's own."""
COMMANDS = "telephony.phone_number.commands"

Allowed = Mapping[str, set[str]]

EXPECTED: Mapping[str, Allowed] = {
    "telephony-web": {
        "publish": {"telephony.commands"},
        "bind queue": {OWN_QUEUE},
        "consume": {OWN_QUEUE, EVENT_LOG},
        "subscribe": {"telephony.events"},
    },
    "telephony-worker": {
        "publish": {"telephony.events", "telephony.pbx", PARTITION_EXCHANGE, DEFAULT_EXCHANGE},
        "consume": {
            *(COMMANDS, f"{COMMANDS}.bulk", PARTITION_QUEUE),
            *("telephony.phone_number.reports", "telephony.pbx.results", "telephony.directory"),
        },
    },
    "telephony-topology": {
        "declare exchange": DECLARED & {*ALL_EXCHANGES},
        "declare queue": DECLARED & {*ALL_QUEUES},
        "publish": (DECLARED & {*ALL_EXCHANGES}) | {DEFAULT_EXCHANGE},
        "bind queue": DECLARED & {*ALL_QUEUES},
        "consume": DECLARED & {*ALL_QUEUES},
        "subscribe": DECLARED & {*ALL_EXCHANGES},
    },
    "telephony-pbx": {
        "publish": {"telephony.pbx.results"},
        "bind queue": {"telephony.pbx.results"},
        "consume": {"pbx.handset-logout", "pbx.hunt-group-membership", "pbx.extension-reset"},
    },
    "telephony-directory": {
        "publish": {"telephony.directory"},
        "bind queue": {"telephony.directory"},
    },
    "telephony-operator": {
        "publish": {
            *("telephony.commands", "telephony.commands.unrouted", "telephony.events"),
            *("telephony.pbx.results", "telephony.directory"),
        },
        "bind queue": {"telephony.pbx.results", "telephony.directory"},
        "consume": {f"{COMMANDS}.dead_letter"},
    },
}
"""What each user may do, by what it does; all else it may not.

Two exchanges have the names of queues, and a right on a name is one on both. To bind also takes the
right to subscribe to an exchange, which those who publish there lack.
"""


NAMED_EXCHANGES = tuple(name for name in ALL_EXCHANGES if name != DEFAULT_EXCHANGE)

ATTEMPTS: Mapping[str, Sequence[Right]] = {
    "declare exchange": [Right("configure", "exchange", name) for name in NAMED_EXCHANGES],
    # The broker lets nobody declare a queue by such a name; it gives them itself.
    "declare queue": [
        Right("configure", "queue", name) for name in ALL_QUEUES if name != OWN_QUEUE
    ],
    "publish": [Right("write", "exchange", name) for name in ALL_EXCHANGES],
    "bind queue": [Right("write", "queue", name, "telephony.events") for name in ALL_QUEUES],
    "consume": [Right("read", "queue", name) for name in ALL_QUEUES],
}
"""The rights that each action needs, one for each exchange or queue."""


@pytest.fixture
async def management(servers: PrivateServers) -> AsyncIterator[aiohttp.ClientSession]:
    """The management API, as administrator."""
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{servers.rabbitmq.ports.management}",
        headers={"Authorization": aiohttp.encode_basic_auth("guest", "guest")},
    ) as client:
        yield client


async def imported(management: aiohttp.ClientSession, definitions: Mapping[str, Any]) -> None:
    async with management.post("/api/definitions", json=definitions) as response:
        assert response.status < HTTPStatus.BAD_REQUEST, await response.text()


@pytest.fixture
async def users(management: aiohttp.ClientSession, amqp_url: str) -> AsyncIterator[str]:
    """A URL for `format(user, password)`: the broker has the users of a deployment."""
    host, _, virtual_host = amqp_url.partition("@")[2].rpartition("/")
    users = json.loads((FOLDER / "users.json").read_text(encoding="utf-8"))
    await imported(management, users)
    await imported(management, rabbitmq_permissions(virtual_host))
    yield f"amqp://{{}}:{{}}@{host}/{virtual_host}"
    for user in USERS:
        async with management.delete(f"/api/users/{user.name}") as response:
            assert response.status == HTTPStatus.NO_CONTENT


async def give_passwords(servers: PrivateServers, names: Iterable[str]) -> None:
    calls = ",".join(
        f'rabbit_auth_backend_internal:change_password(<<"{name}">>, <<"{PASSWORD}">>, <<"test">>)'
        for name in names
    )
    await servers.rabbitmq.control("eval", f"{calls}.")


def test_the_files_are_those_that_the_roles_lead_to() -> None:
    for name, definitions in FILES.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text_of(definitions)
        assert "secret" not in text_of(definitions)


async def test_no_user_can_log_in_before_it_has_a_password(users: str) -> None:
    for password in ("", "guest"):
        with pytest.raises(BrokerRefused):
            await connect([users.format("telephony-operator", password)])


@pytest.mark.parametrize("user", EXPECTED)
async def test_each_user_may_do_exactly_its_work(
    users: str, servers: PrivateServers, user: str
) -> None:
    await give_passwords(servers, [user])
    expected = EXPECTED[user]
    subscriptions = [
        Right("read", "exchange", name, min(expected["bind queue"]))
        for name in NAMED_EXCHANGES
        if "bind queue" in expected
    ]
    for action, tried in {**ATTEMPTS, "subscribe": subscriptions}.items():
        missing = await missing_rights([users.format(user, PASSWORD)], tried)
        allowed = {right.name for right in tried} - {right.name for right in missing}
        assert allowed == expected.get(action, set()), action


def test_every_user_is_tried() -> None:
    assert {user.name for user in USERS} == {*EXPECTED}


async def test_check_passes_for_the_worker_and_finds_the_recommended_policies_harmless(
    users: str,
    servers: PrivateServers,
    management: aiohttp.ClientSession,
    environment: Environment,
) -> None:
    await give_passwords(servers, ["telephony-worker"])
    virtual_host = users.rpartition("/")[2]
    recommended = json.loads((FOLDER / "policies.json").read_text(encoding="utf-8"))
    careless = {
        "name": "careless",
        "pattern": ".*",
        "definition": {"expires": 60_000_000},
        "apply-to": "queues",
    }
    for policy in (*recommended["policies"], careless):
        await imported(management, {"policies": [{**policy, "vhost": virtual_host}]})
    own = {
        **environment,
        "AMQP_URL": users.format("telephony-worker", PASSWORD),
        "WORKER_DECLARE_TOPOLOGY": "false",
        "WORKER_MANAGEMENT_URL": f"http://127.0.0.1:{servers.rabbitmq.ports.management}",
    }
    code, output = await command(own, "check")
    for name in ("careless", *(policy["name"] for policy in recommended["policies"])):
        await management.delete(f"/api/policies/{virtual_host}/{name}")

    assert code == Exit.DONE, output
    assert "ok      policies\n" in output
