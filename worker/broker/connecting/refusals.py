"""Tells a broker that refuses for good from one that cannot be used now, in one place."""

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from aiormq.exceptions import AuthenticationError
from pamqp import frame
from pamqp.commands import Connection
from pamqp.exceptions import PAMQPException

from worker.runtime.amqp_url import AmqpServer
from worker.runtime.mistakes import Mistake
from worker.runtime.tls import is_out_of_date

__all__ = ["BrokerRefused", "BrokerUnavailable", "explained"]

HEALING_CODES: Final = frozenset({311, 320, 506, 541})
"""Reply codes that waiting can heal: the broker stops, starts, or is short of something."""
LIMIT: Final = re.compile(r"connection limit \(\d+\) is reached")
"""In the text of a refusal because too many connections are open: some may end."""
ROOM: Final = (
    "each worker needs 3: raise max-connections (`rabbitmqctl set_vhost_limits`, `set_user_limits`)"
    " or end other connections"
)
REMEDIES: Final = {
    403: "correct the user and the password in AMQP_URL",
    530: "correct the virtual host in AMQP_URL, or create it and give the user permissions on it",
}
"""What to do about a refusal, by its reply code."""
OTHER_REMEDY: Final = "correct AMQP_URL or the configuration of the broker"

METHOD_FRAME: Final = b"\x01\x00\x00"
"""How a broker's first bytes begin: a method, on channel 0."""
TLS_RECORDS: Final = (b"\x15\x03", b"\x16\x03")
AMQP_HEADER: Final = b"AMQP"
HEALING_TLS_ERRORS: Final = (
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
    ssl.SSLWantReadError,
)
"""The peer ended the connection during the handshake: it may be starting or stopping."""


class BrokerUnavailable(Exception):
    """The broker cannot be used now; the text says which nodes were tried, or why."""


class BrokerRefused(Mistake):
    """The broker refuses what AMQP_URL says, and waiting does not change that."""


def explained(
    error: BaseException, server: AmqpServer, heard: bytes
) -> BrokerRefused | BrokerUnavailable:
    """What an error of connecting means, in a sentence, by all that the server has sent so far."""
    for method in _methods_in(heard):
        if isinstance(method, Connection.Close):
            return _closed(server, method.reply_code or 0, method.reply_text or "")
    if isinstance(error, AuthenticationError):
        return BrokerRefused(
            f"RabbitMQ at {server} does not offer the mechanism"
            f" {server.parameters.mechanism.upper()} but {_line(str(error.args[0]))}: correct the"
            " parameter auth in AMQP_URL, or enable the mechanism"
        )
    tls_error = next((cause for cause in _chain(error) if isinstance(cause, ssl.SSLError)), None)
    if tls_error is not None:
        return _tls_failed(server, tls_error)
    if heard and not heard.startswith(METHOD_FRAME[: len(heard)]):
        return _no_broker(server, heard)
    return BrokerUnavailable(f"{server}: {_reason(error, server)}")


def _closed(server: AmqpServer, code: int, text: str) -> BrokerRefused | BrokerUnavailable:
    if LIMIT.search(text):
        return BrokerUnavailable(f"{server}: {_line(text)}; {ROOM}")
    if code in HEALING_CODES:
        return BrokerUnavailable(f"{server}: {_line(text)}")
    remedy = REMEDIES.get(code, OTHER_REMEDY)
    return BrokerRefused(f"RabbitMQ at {server} refuses the connection ({_line(text)}): {remedy}")


def _tls_failed(server: AmqpServer, error: ssl.SSLError) -> BrokerRefused | BrokerUnavailable:
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if isinstance(error, ssl.SSLCertVerificationError):
        if is_out_of_date(error):
            return BrokerRefused(
                f"The certificate of RabbitMQ at {server} is out of date ({error.verify_message}):"
                " renew it at the broker, or correct the clock of this host"
            )
        return BrokerRefused(
            f"The certificate of RabbitMQ at {server} is not accepted ({error.verify_message}):"
            " name the certificate of its authority in the parameter cafile of AMQP_URL, and the"
            " host as it stands in the certificate"
        )
    if isinstance(error, HEALING_TLS_ERRORS) or "eof" in reason:
        return BrokerUnavailable(f"{server}: the connection ended during the TLS handshake")
    if "wrong version" in reason or "record layer" in reason:
        return BrokerRefused(
            f"The server at {server} does not speak TLS: write its TLS port (usually 5671) into"
            " AMQP_URL, or amqp:// instead of amqps://"
        )
    return BrokerRefused(
        f"RabbitMQ at {server} and this worker agree on no TLS connection ({reason}): correct the"
        " parameters certfile, keyfile and cafile of AMQP_URL, or the broker's TLS options"
    )


def _no_broker(server: AmqpServer, heard: bytes) -> BrokerRefused:
    if heard.startswith(TLS_RECORDS):
        return BrokerRefused(
            f"The server at {server} speaks TLS: write amqps:// instead of amqp:// into AMQP_URL"
        )
    if heard.startswith(AMQP_HEADER):
        return BrokerRefused(
            f"The server at {server} speaks another version of AMQP than 0-9-1: correct the host"
            " and port in AMQP_URL"
        )
    return BrokerRefused(
        f"The server at {server} does not speak AMQP: write host and port of RabbitMQ (usually"
        " 5672) into AMQP_URL"
    )


def _reason(error: BaseException, server: AmqpServer) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name {server.host} cannot be resolved now ({error.strerror})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, (StopAsyncIteration, ConnectionAbortedError)):
        return "the connection ended while it was opened"
    return _line(str(error)) or type(error).__name__


def _methods_in(heard: bytes) -> Iterator[object]:
    while heard:
        try:
            length, _, method = frame.unmarshal(heard)
        except (PAMQPException, ValueError, LookupError):
            return
        yield method
        heard = heard[length:]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    # The library raises one error from two places, and makes the chain a ring.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _line(text: str) -> str:
    """The text of another program, on one line and without what a terminal obeys."""
    return "".join(character if character.isprintable() else " " for character in text)
