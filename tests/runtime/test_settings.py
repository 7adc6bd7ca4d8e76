"""Settings: errors name the variable and never show a secret."""

from pathlib import Path

import pytest

from contracts.values import Step
from worker.settings import Settings, SettingsError, load


@pytest.mark.parametrize(
    "url",
    [
        "amqp://guest:hunter2@rabbitmq:56x2/",
        "amqp://guest:hunter2@rabbitmq:99999/",
        "amqp:///",
        "http://rabbitmq/",
        "amqp://rabbitmq/,nonsense",
        "",
    ],
)
def test_load_refuses_an_invalid_amqp_url_without_showing_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^AMQP_URL: expected amqp://") as refused:
        load({"AMQP_URL": url})
    assert "hunter2" not in str(refused.value)


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
    assert "hunter2" not in str(refused.value)


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
    assert load({"WORKER_AWAITED_STEPS": ""}).awaited_steps == frozenset()

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


def test_load_lists_the_settings_for_an_unknown_one() -> None:
    with pytest.raises(SettingsError, match=r"WORKER_PREFECH is not a setting.*WORKER_PREFETCH"):
        load({"WORKER_PREFECH": "10"})


def test_load_ignores_variables_of_other_programs() -> None:
    assert load({"HOME": "/nowhere", "PATH": "/bin"}) == Settings()


def test_load_reads_a_secret_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://worker:hunter2@database/numbers\n", encoding="utf-8")

    settings = load({"DATABASE_URL_FILE": str(secret)})

    assert settings.database_url.endswith("worker:hunter2@database/numbers")
    assert "hunter2" not in repr(settings)
    with pytest.raises(SettingsError, match="cannot be read"):
        load({"DATABASE_URL_FILE": str(tmp_path / "missing")})
    with pytest.raises(SettingsError, match="set twice"):
        load({"DATABASE_URL_FILE": str(secret), "DATABASE_URL": "postgresql://database/numbers"})
