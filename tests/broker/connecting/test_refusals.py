"""What connecting says about a broker that refuses, and about a peer that is no broker."""

import ssl
from collections.abc import AsyncIterator

import pytest
from pamqp import commands, frame

from tests.support.peers import hanging_up_after, mute, tls_in_front_of
from tests.support.servers.certificates import Certificates
from worker.broker.connecting.connection import BrokerRefused, BrokerUnavailable, connect
from worker.broker.connecting.refusals import explained
from worker.local import PrivateServers
from worker.runtime.amqp_url import AmqpServer

MARK = "hunter2"
RABBIT = AmqpServer("rabbit", 5672)


@pytest.fixture
async def tls_url(amqp_url: str, certificates: Certificates) -> AsyncIterator[str]:
    """The broker's URL for TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server, certificates.server_key)
    async with tls_in_front_of(amqp_url, context) as url:
        yield url


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("guest:guest", "guest:hunter2"), r"ACCESS_REFUSED.*user and the password in AMQP_URL"),
        (("test_", "hunter2_"), r"NOT_ALLOWED - vhost .* not found.*virtual host in AMQP_URL"),
    ],
)
async def test_a_broker_that_refuses_is_quoted_with_what_to_correct(
    amqp_url: str, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(BrokerRefused, match=problem) as refused:
        await connect([amqp_url.replace(*change)])
    assert "object at 0x" not in str(refused.value)
    assert f":{MARK}" not in str(refused.value)


async def test_a_user_without_permissions_is_told_to_get_some(
    amqp_url: str, servers: PrivateServers
) -> None:
    await servers.rabbitmq.control("add_user", "stranger", MARK)
    with pytest.raises(BrokerRefused, match=r"access to vhost .* refused.*give the user perm"):
        await connect([amqp_url.replace("guest:guest", f"stranger:{MARK}")])
    await servers.rabbitmq.control("delete_user", "stranger")


async def test_a_mechanism_that_the_broker_does_not_offer_is_named(
    tls_url: str, certificates: Certificates
) -> None:
    files = f"certfile={certificates.client}&keyfile={certificates.client_key}"
    with pytest.raises(BrokerRefused, match=r"does not offer the mechanism EXTERNAL but .*PLAIN"):
        await connect([f"{tls_url}?cafile={certificates.authority}&{files}&auth=external"])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak AMQP: write host and port"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak AMQP"),
        (b"E\0\0\0\x8bSFATAL\0", "does not speak AMQP"),
        (b"\x15\x03\x01\0\x02\x02\x0a", "speaks TLS: write amqps:// instead of amqp://"),
        (b"AMQP\x03\x01\x00\x00", "another version of AMQP"),
        (b"AMQP\0\0\x09\x01", "another version of AMQP"),
    ],
)
async def test_a_server_that_is_no_broker_is_a_mistake(answer: bytes, problem: str) -> None:
    async with hanging_up_after(answer) as url:
        with pytest.raises(BrokerRefused, match=problem):
            await connect([url])


async def test_a_server_that_greets_in_another_protocol_and_waits_is_a_mistake() -> None:
    async with mute("127.0.0.1", 0, b"220 mail.example ESMTP\r\n") as port:
        with pytest.raises(BrokerRefused, match="does not speak AMQP"):
            await connect([f"amqp://127.0.0.1:{port}/?timeout=1"])


async def test_a_refusal_counts_more_than_another_node_that_is_down(amqp_url: str) -> None:
    with pytest.raises(BrokerRefused, match="ACCESS_REFUSED"):
        await connect(["amqp://127.0.0.1:1/", amqp_url.replace("guest:guest", "guest:wrong")])


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("amqp://127.0.0.1:1/", "127.0.0.1:1: .*"),
        ("amqp://no-such-host.invalid/", "the name no-such-host.invalid cannot be resolved now"),
    ],
)
async def test_a_server_that_may_come_is_an_outage(url: str, problem: str) -> None:
    with pytest.raises(BrokerUnavailable, match=problem):
        await connect([url])


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (320, "CONNECTION_FORCED - broker forced connection closure", BrokerUnavailable),
        (506, "RESOURCE_ERROR - out of memory", BrokerUnavailable),
        (541, "INTERNAL_ERROR - vhost 'site' is down", BrokerUnavailable),
        (530, "NOT_ALLOWED - vhost connection limit (1) is reached", BrokerUnavailable),
        (530, "NOT_ALLOWED - vhost site not found", BrokerRefused),
        (530, "NOT_ALLOWED - vhost credit-limits not found", BrokerRefused),
        (403, "ACCESS_REFUSED - access refused for user 'ratelimiter'", BrokerRefused),
        (403, "ACCESS_REFUSED - Login was refused", BrokerRefused),
        (501, "FRAME_ERROR - something", BrokerRefused),
        (540, "NOT_IMPLEMENTED - something", BrokerRefused),
    ],
)
def test_the_reply_code_of_a_closed_connection_tells_whether_waiting_helps(
    code: int, text: str, expected: type[Exception]
) -> None:
    heard = frame.marshal(commands.Connection.Close(code, f"{text}\x1b[31m\n", 0, 0), 0)
    problem = explained(ConnectionResetError("gone"), RABBIT, heard)

    assert type(problem) is expected
    assert text in str(problem)
    assert str(problem).isprintable()


async def test_connect_verifies_the_certificate_of_the_broker(
    tls_url: str, certificates: Certificates
) -> None:
    async with await connect([f"{tls_url}?cafile={certificates.authority}"]) as connection:
        assert not connection.is_closed
    async with await connect([f"{tls_url}?no_verify_ssl=true"]) as connection:
        assert not connection.is_closed

    for url, problem in (
        (f"{tls_url}?no_verify_ssl=false", "is not accepted .*issuer certificate"),
        (f"{tls_url}?cafile={certificates.foreign_authority}", "is not accepted"),
        (
            f"{tls_url.replace('localhost', '127.0.0.1')}?cafile={certificates.authority}",
            "is not accepted .*mismatch",
        ),
    ):
        with pytest.raises(BrokerRefused, match=problem):
            await connect([url])


async def test_a_certificate_of_the_broker_that_is_out_of_date_is_named(
    amqp_url: str, certificates: Certificates
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.expired_server, certificates.server_key)
    async with tls_in_front_of(amqp_url, context) as url:
        with pytest.raises(BrokerRefused, match=r"out of date \(certificate has expired\): renew"):
            await connect([f"{url}?cafile={certificates.authority}"])


async def test_connect_presents_its_certificate(amqp_url: str, certificates: Certificates) -> None:
    context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.authority)
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates.server, certificates.server_key)
    own = f"certfile={certificates.client}&keyfile={certificates.client_key}"
    async with tls_in_front_of(amqp_url, context) as url:
        trusting = f"{url}?cafile={certificates.authority}"
        async with await connect([f"{trusting}&{own}"]) as connection:
            assert not connection.is_closed
        # This server ends the connection without a TLS alert; RabbitMQ sends one, see below.
        with pytest.raises(BrokerUnavailable):
            await connect([trusting])


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", BrokerRefused),
        ("SSLV3_ALERT_BAD_CERTIFICATE", BrokerRefused),
        ("TLSV1_ALERT_PROTOCOL_VERSION", BrokerRefused),
        ("UNEXPECTED_EOF_WHILE_READING", BrokerUnavailable),
    ],
)
def test_a_tls_alert_of_the_broker_is_quoted(alert: str, expected: type[Exception]) -> None:
    cause = ssl.SSLError(1, f"[SSL: {alert}]")
    cause.reason = alert
    lost = ConnectionResetError("Server communication error")
    lost.__cause__, cause.__cause__ = cause, lost

    problem = explained(lost, RABBIT, b"")

    assert type(problem) is expected
    if expected is BrokerRefused:
        assert f"({alert.replace('_', ' ').lower()})" in str(problem)


async def test_tls_and_plain_ports_that_are_mixed_up_are_named(amqp_url: str, tls_url: str) -> None:
    with pytest.raises(BrokerRefused, match="does not speak TLS: write its TLS port"):
        await connect([amqp_url.replace("amqp://", "amqps://")])
    with pytest.raises((BrokerRefused, BrokerUnavailable)):
        await connect([tls_url.replace("amqps://", "amqp://")])


async def test_a_certificate_file_that_is_gone_is_a_mistake(
    tls_url: str, certificates: Certificates
) -> None:
    gone = certificates.authority.with_name("gone.pem")
    with pytest.raises(BrokerRefused, match=r"AMQP_URL: cafile names '.*gone.pem'"):
        await connect([f"{tls_url}?cafile={gone}"])
