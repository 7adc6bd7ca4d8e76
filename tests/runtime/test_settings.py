"""Settings: errors name the variable and never show a secret."""

import re
from pathlib import Path

import pytest
from activation_contracts.values import Step

from worker.settings import Settings, SettingsError, load

MARK = "hunter2"


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        ("amqp://guest:hunter2@rabbit:56x2/", "expected a port"),
        ("amqp:///hunter2", "expected amqp://"),
        ("amqp://one/,amqp://guest:hunter2@two/?heartbeat=5s", "the URL's parameter heartbeat"),
        ("amqp://one:hunter2,hunter2@two/", "write a comma .* as %2C"),
        (",", "expected amqp://"),
        ("amqps://guest:hunter2@rabbit/?cafile=/nowhere/ca.pem", "cafile names '/nowhere/ca.pem'"),
    ],
)
def test_load_refuses_an_invalid_amqp_url_without_showing_its_password(
    urls: str, problem: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^AMQP_URL: .*{problem}") as refused:
        load({"AMQP_URL": urls})
    assert MARK not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://worker:hunter2@database:54x2/numbers",
        "postgresql:///numbers",
        "postgresql:///numbers?ghost=1",
        "postgresql:///numbers?host=database&port=54x2",
        "postgresql://[::1/numbers",
        "postgresql://worker:hun/ter2@database/numbers",
        "mysql://database/numbers",
        "database",
    ],
)
def test_load_refuses_an_invalid_database_url_without_showing_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: expected postgresql://") as refused:
        load({"DATABASE_URL": url})
    assert MARK not in str(refused.value)


def test_load_accepts_several_brokers_and_a_database_on_a_socket() -> None:
    settings = load(
        {
            "AMQP_URL": "amqp://one/, amqps://two:5671/site",
            "DATABASE_URL": "postgres:///numbers?host=/run/postgresql",
        }
    )

    assert settings.amqp_urls == ("amqp://one/", "amqps://two:5671/site")
    assert settings.database_url == "postgresql+asyncpg:///numbers?host=/run/postgresql"


def test_load_reads_awaited_steps_and_lists_them_for_an_unknown_one() -> None:
    named = load({"WORKER_AWAITED_STEPS": "activation, extension_reset"})
    assert named.awaited_steps == {Step.ACTIVATION, Step.EXTENSION_RESET}
    assert named.policy.awaited_steps == named.awaited_steps

    with pytest.raises(SettingsError, match=r"WORKER_AWAITED_STEPS: .*'handset_logout'"):
        load({"WORKER_AWAITED_STEPS": "activation,logout"})


def test_load_reads_the_prefixes_of_reply_queues() -> None:
    assert load({}).reply_prefixes == {"reply."}
    assert load({"WORKER_REPLY_PREFIXES": "answers., web-"}).reply_prefixes == {"answers.", "web-"}


@pytest.mark.parametrize("prefix", ["pbx.", "p", "telephony.phone_number.", "reply.,tele"])
def test_load_refuses_a_prefix_that_lets_replies_into_other_queues(prefix: str) -> None:
    with pytest.raises(SettingsError, match=r"WORKER_REPLY_PREFIXES: .* would let replies into"):
        load({"WORKER_REPLY_PREFIXES": prefix})


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "0", "soon"])
def test_load_refuses_a_duration_that_a_date_cannot_hold(seconds: str) -> None:
    with pytest.raises(SettingsError, match="WORKER_OPERATION_TIME_ALLOWED_SECONDS: Input"):
        load({"WORKER_OPERATION_TIME_ALLOWED_SECONDS": seconds})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_STEP_ATTEMPTS_MAXIMUM", "2147483648"),
        ("WORKER_STEP_ATTEMPTS_MAXIMUM", "0"),
        ("WORKER_WATCHDOG_SECONDS", "1e-9"),
        ("WORKER_WATCHDOG_SECONDS", "1e9"),
        ("WORKER_SWEEP_INTERVAL_SECONDS", "0.001"),
        ("WORKER_SWEEP_INTERVAL_SECONDS", "86400"),
        ("WORKER_PUBLISH_TIMEOUT_SECONDS", "0.01"),
        ("WORKER_STOP_DEADLINE_SECONDS", "0"),
        ("WORKER_OUTBOX_AGE_MAXIMUM_SECONDS", "0"),
        ("WORKER_STEP_FIRST_PAUSE_SECONDS", "0"),
        ("WORKER_HTTP_PORT", "65536"),
        ("WORKER_EVENT_LOG_DAYS", "-1"),
    ],
)
def test_load_refuses_a_value_with_which_a_worker_could_not_work(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: Input should be"):
        load({name: value})


@pytest.mark.parametrize(
    ("environment", "first", "second"),
    [
        (
            {
                "WORKER_OPERATION_AT_RISK_SECONDS": "300",
                "WORKER_OPERATION_TIME_ALLOWED_SECONDS": "1",
            },
            "WORKER_OPERATION_AT_RISK_SECONDS (300)",
            "WORKER_OPERATION_TIME_ALLOWED_SECONDS (1)",
        ),
        (
            {"WORKER_STEP_FIRST_PAUSE_SECONDS": "61"},
            "WORKER_STEP_FIRST_PAUSE_SECONDS (61)",
            "WORKER_STEP_LONGEST_PAUSE_SECONDS (60)",
        ),
        (
            {"WORKER_PREFETCH_MESSAGES": "100"},
            "WORKER_BATCH_MAXIMUM_COMMANDS (200)",
            "WORKER_PREFETCH_MESSAGES (100)",
        ),
    ],
)
def test_load_names_both_settings_that_contradict_each_other(
    environment: dict[str, str], first: str, second: str
) -> None:
    problem = re.escape(f"{first} is more than {second}: lower the first, or raise the second.")
    with pytest.raises(SettingsError, match=f"^{problem}$"):
        load(environment)


def test_load_takes_an_empty_variable_as_not_set() -> None:
    names = (
        "AMQP_URL",
        "DATABASE_URL",
        "AMQP_URL_FILE",
        "WORKER_HTTP_PORT",
        "WORKER_AWAITED_STEPS",
    )
    assert load(dict.fromkeys(names, "")) == Settings()
    assert load({"WORKER_HTTP_PORT": " "}) == Settings()


@pytest.mark.parametrize("level", ["debug", "Debug", "DEBUG", " debug "])
def test_load_reads_log_levels_in_any_case(level: str) -> None:
    settings = load({"WORKER_LOG_LEVEL": level, "WORKER_LOG_FORMAT": "JSON"})

    assert (settings.log_level, settings.log_format) == ("DEBUG", "json")


def test_load_lists_the_settings_for_an_unknown_one() -> None:
    with pytest.raises(SettingsError, match=r"WORKER_PREFECH is not a setting.*WORKER_PREFETCH"):
        load({"WORKER_PREFECH": "10"})


def test_load_ignores_variables_of_other_programs() -> None:
    assert load({"HOME": "/nowhere", "PATH": "/bin"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_SERVICE_HOST", "10.0.0.1"),
        ("WORKER_SERVICE_HOST", "fd00::1"),
        ("WORKER_SERVICE_PORT", "8080"),
        ("WORKER_SERVICE_PORT_METRICS", "8080"),
        ("WORKER_PORT", "tcp://10.0.0.1:8080"),
        ("WORKER_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("WORKER_PORT_8080_TCP_PROTO", "tcp"),
        ("WORKER_PORT_8080_TCP_PORT", "8080"),
        ("WORKER_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("WORKER_PORT_53_UDP", "udp://[fd00::1]:53"),
        ("WORKER_HTTP_SERVICE_HOST", "10.0.0.1"),
        ("WORKER_HTTP_PORT", "tcp://10.0.0.1:8080"),
        ("WORKER_HTTP_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
    ],
)
def test_load_ignores_what_kubernetes_sets_for_a_service(name: str, value: str) -> None:
    assert load({name: value}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_PORT", "8080"),
        ("WORKER_SERVICE_HOST", "rabbit"),
        ("WORKER_SERVICE_PORT", "http"),
        ("WORKER_PORT_8080_TCP", "8080"),
        ("WORKER_HTTP_PORTS", "tcp://10.0.0.1:8080"),
    ],
)
def test_load_refuses_what_only_resembles_a_variable_of_kubernetes(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is not a setting"):
        load({name: value})


def test_load_reads_a_secret_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("\ufeffpostgresql://worker:hunter2@database/numbers\r\n", encoding="utf-8")

    settings = load({"DATABASE_URL_FILE": str(secret), "DATABASE_URL": ""})

    assert settings.database_url.endswith("worker:hunter2@database/numbers")
    assert MARK not in repr(settings)
    with pytest.raises(SettingsError, match="set twice"):
        load({"DATABASE_URL_FILE": str(secret), "DATABASE_URL": "postgresql://database/numbers"})


def test_load_explains_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for name, content in (("empty", b" \n"), ("binary", b"\xff")):
        (tmp_path / name).write_bytes(content)
    for path, problem in (
        (tmp_path / "missing", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "binary", "cannot be read: it is not UTF-8 text"),
        (tmp_path / "empty", "is empty"),
        ("amqp://guest:hunter2@rabbit/", "must be the path of a file"),
        ("host=database user=worker password=hunter2", "must be the path of a file"),
        ("hunter2", "must be the path of a file"),
    ):
        with pytest.raises(SettingsError, match=rf"^AMQP_URL_FILE .*{problem}") as refused:
            load({"AMQP_URL_FILE": str(path)})
        assert MARK not in str(refused.value)


@pytest.mark.parametrize("name", ["AMQP_URL", "DATABASE_URL", "WORKER_HTTP_PORT"])
@pytest.mark.parametrize("mark", ["'", '"'])
def test_load_names_quotation_marks_that_became_part_of_a_value(name: str, mark: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: leave out the quotation marks"):
        load({name: f"{mark}amqp://guest:hunter2@rabbit/{mark}"})


def test_load_takes_no_account_in_the_address_of_the_management_api() -> None:
    url = "http://guest:hunter2@rabbit:15672"
    with pytest.raises(SettingsError, match="without user and password") as refused:
        load({"WORKER_MANAGEMENT_URL": url})

    assert MARK not in str(refused.value)


def test_a_wrong_value_in_a_file_is_explained_by_the_name_of_its_variable(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("http", encoding="utf-8")

    with pytest.raises(SettingsError, match=r"^WORKER_HTTP_PORT_FILE: Input"):
        load({"WORKER_HTTP_PORT_FILE": str(tmp_path / "port")})


def test_a_url_is_read_again_from_its_own_file_only(tmp_path: Path) -> None:
    broker, database = tmp_path / "amqp", tmp_path / "postgresql"
    broker.write_text("amqp://worker:old@rabbit/", encoding="utf-8")
    database.write_text("postgresql://database/numbers", encoding="utf-8")
    settings = load({"AMQP_URL_FILE": str(broker), "DATABASE_URL_FILE": str(database)})

    broker.write_text("amqp://worker:new@rabbit/,amqp://worker:new@rabbit-2/", encoding="utf-8")
    database.write_text("nonsense", encoding="utf-8")

    assert settings.current_amqp_urls() == (
        "amqp://worker:new@rabbit/",
        "amqp://worker:new@rabbit-2/",
    )
    with pytest.raises(SettingsError, match=r"^DATABASE_URL_FILE: expected"):
        settings.current_database_url()
    assert load({"AMQP_URL": "amqp://rabbit/"}).current_amqp_urls() == ("amqp://rabbit/",)


@pytest.mark.parametrize(("given", "host"), [("[::1]", "::1"), ("::", "::"), ("rabbit", "rabbit")])
def test_load_takes_the_brackets_off_an_ipv6_address(given: str, host: str) -> None:
    assert load({"WORKER_HTTP_HOST": given}).http_host == host
