"""AMQP URLs: read strictly; errors say what to write and show nothing of the URL."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.runtime.amqp_parameters import OTHER_NAMES, AmqpParameters, Mechanism
from worker.runtime.amqp_url import AmqpServer, parse_amqp_url, split_amqp_urls
from worker.runtime.tls import TlsParameters

MARK = "hunter2"
text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40
)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("amqp://rabbit", AmqpServer("rabbit", 5672)),
        ("AMQP://Rabbit-1.example:5673/", AmqpServer("Rabbit-1.example", 5673)),
        ("amqp://ada:pw@rabbit/site", AmqpServer("rabbit", 5672, "ada", "pw", "site")),
        ("amqp://ada@rabbit", AmqpServer("rabbit", 5672, "ada", "guest")),
        ("amqp://a%40b:p:w;%2F%25@rabbit", AmqpServer("rabbit", 5672, "a@b", "p:w;/%")),
        ("amqp://rabbit//", AmqpServer("rabbit", 5672)),
        ("amqp://rabbit/%2F", AmqpServer("rabbit", 5672)),
        ("amqp://rabbit/a%2Fb", AmqpServer("rabbit", 5672, virtual_host="a/b")),
        ("amqp://[::1]:5673/", AmqpServer("::1", 5673)),
        ("amqp://[fd00::7]", AmqpServer("fd00::7", 5672)),
        ("amqp://bücher.example", AmqpServer("xn--bcher-kva.example", 5672)),
        (
            "amqp://rabbit?heartbeat=5&timeout=2.5&name=the%20worker",
            AmqpServer("rabbit", 5672, parameters=AmqpParameters(5, 2.5, "the worker")),
        ),
        (
            "amqps://rabbit/?cafile=/etc/ca.pem&no_verify_ssl=0",
            AmqpServer("rabbit", 5671, parameters=AmqpParameters(tls=TlsParameters("/etc/ca.pem"))),
        ),
        (
            "amqps://rabbit/?auth=EXTERNAL&certfile=c&keyfile=k&no_verify_ssl=Yes",
            AmqpServer(
                "rabbit",
                5671,
                parameters=AmqpParameters(
                    mechanism=Mechanism.EXTERNAL,
                    tls=TlsParameters(certfile="c", keyfile="k", verify=False),
                ),
            ),
        ),
    ],
)
def test_parse_reads_every_part_of_a_url(url: str, server: AmqpServer) -> None:
    assert parse_amqp_url(url) == server


@given(text, text, text.filter(lambda name: "%2F" not in name and len(name.encode()) < 256))
def test_parse_returns_what_was_quoted(user: str, password: str, virtual_host: str) -> None:
    account = f"{quote(user, safe='')}:{quote(password, safe='')}"
    server = parse_amqp_url(f"amqp://{account}@rabbit/{quote(virtual_host, safe='')}")

    assert (server.user, server.password, server.virtual_host) == (user, password, virtual_host)
    assert "password" not in repr(server)


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("", "expected amqp://"),
        ("hunter2", "expected amqp://"),
        ("http://hunter2@rabbit/", "expected amqp://"),
        ("amqp:///hunter2", "expected amqp://"),
        ("amqp://ada:hunter2@/", "expected amqp://"),
        ("amqp://ada:hunter2@rabbit:56x2/", "port from 1 to 65535"),
        ("amqp://ada:hunter2@rabbit:0/", "port from 1 to 65535"),
        ("amqp://ada:hunter2@rabbit:99999/", "port from 1 to 65535"),
        ("amqp://ada:hunter2@rabbit:/", "port from 1 to 65535"),
        ("amqp://ada:hun@ter2@rabbit/", "write @ as %40"),
        ("amqp://ada:hun/hunter2@rabbit/", "/ as %2F"),
        ("amqp://ada:hun?hunter2@rabbit/", r"\? as %3F"),
        ("amqp://ada:hun#hunter2@rabbit/", "# as %23"),
        ("amqp://ada:[hunter2]@rabbit/", r"\[ as %5B"),
        ("amqp://ada:hunter2%@rabbit/", "% as %25"),
        ("amqp://ada:hunter2%FF@rabbit/", "%FF stands for no UTF-8 text"),
        ("amqp://ada:hunter2%00@rabbit/", "zero byte"),
        ("amqp://ada:@rabbit/hunter2", "password is empty"),
        ("amqp://ada:hunter 2@rabbit/", "space as %20"),
        ("amqp://ada:hunter2\n@rabbit/", "line break"),
        ("amqp://ada:hunter2\udcff@rabbit/", "cannot be printed"),
        ("amqp://a:b@rabbit/;amqp://guest:hunter2@rabbit/", "separate several URLs with commas"),
        ("amqp://::1/hunter2", "IPv6 address in brackets"),
        ("amqp://[::1/hunter2", "IPv6 address in the brackets"),
        ("amqp://[127.0.0.1]/hunter2", "IPv6 address in the brackets"),
        ("amqp://ada:hunter2@rab!bit/", "the host is not a name"),
        ("amqp://ada:hunter2@rabbit..example/", "the host is not a name"),
        ("amqp://rabbit/a/hunter2", "/ in its name as %2F"),
        (f"amqp://rabbit/{'hunter2' * 40}", "longer than 255 bytes"),
        ("amqp://rabbit/?heartbeat=0", "heartbeat is no whole number of seconds"),
        ("amqp://rabbit/?heartbeat=5s", "write heartbeat=10"),
        ("amqp://rabbit/?heartbeat=-5", "heartbeat is no whole number"),
        ("amqp://rabbit/?heartbeat=301", "heartbeat is no whole number"),
        ("amqp://rabbit/?heartbeat=", "heartbeat has no value"),
        ("amqp://rabbit/?heartbeat", "heartbeat has no value"),
        ("amqp://rabbit/?heartbeat=5&heartbeat=6", "heartbeat is there twice"),
        ("amqp://rabbit/?timeout=0", "timeout is no number of seconds"),
        ("amqp://rabbit/?timeout=soon", "timeout is no number of seconds"),
        ("amqp://rabbit/?retries=3", "retries is unknown: known are heartbeat, timeout"),
        ("amqp://rabbit/?hunter2%20=3", "expected parameters such as"),
        ("amqp://rabbit/?auth=kerberos", "auth is neither plain"),
        ("amqps://rabbit/?auth=external", "auth=external needs a certificate"),
        ("amqp://rabbit/?cafile=/etc/ca.pem", "cafile is for TLS only: write amqps://"),
        ("amqps://rabbit/?no_verify_ssl=never", "no_verify_ssl is neither true nor false"),
    ],
)
def test_parse_refuses_a_url_with_advice_and_without_its_password(url: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice) as refused:
        parse_amqp_url(url)
    assert MARK not in str(refused.value)


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_parse_names_the_parameter_that_other_libraries_call_otherwise(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is unknown: write "):
        parse_amqp_url(f"amqp://rabbit/?{name}=1")


@pytest.mark.parametrize(
    "verified", ["false", "False", "0", "no", "off"], ids=lambda value: f"no_verify_ssl={value}"
)
def test_certificates_are_verified_unless_the_url_says_otherwise(verified: str) -> None:
    for url in ("amqps://rabbit/", f"amqps://rabbit/?no_verify_ssl={verified}"):
        tls = parse_amqp_url(url).parameters.tls
        assert tls is not None
        assert tls.context().check_hostname


def test_split_separates_urls_at_commas() -> None:
    assert split_amqp_urls("amqp://one/, amqps://two/,") == ("amqp://one/", "amqps://two/")


@pytest.mark.parametrize("urls", ["amqp://ada:hunter2,hunter2@rabbit/", "amqp://rabbit/,nonsense"])
def test_split_refuses_a_comma_inside_a_url_without_showing_it(urls: str) -> None:
    with pytest.raises(ValueError, match=r"write a comma .* as %2C") as refused:
        split_amqp_urls(urls)
    assert MARK not in str(refused.value)
