"""Settings: what is wrong is said at the start, and never with a secret in it."""

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
def test_a_broker_that_is_no_server_is_refused_without_its_password(url: str) -> None:
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
def test_a_database_that_is_no_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: expected postgresql://") as refused:
        load({"DATABASE_URL": url})
    assert "hunter2" not in str(refused.value)


def test_several_brokers_and_a_database_on_a_socket_are_fine() -> None:
    settings = load(
        {
            "AMQP_URL": "amqp://one/, amqps://two:5671/site",
            "DATABASE_URL": "postgres:///numbers?host=/run/postgresql",
        }
    )

    assert settings.amqp_urls == ("amqp://one/", "amqps://two:5671/site")
    assert settings.database_url == "postgresql+asyncpg:///numbers?host=/run/postgresql"


def test_awaited_steps_are_named_and_an_unknown_one_is_told_the_known() -> None:
    named = load({"WORKER_AWAITED_STEPS": "activation, extension_reset"})
    assert named.awaited_steps == {Step.ACTIVATION, Step.EXTENSION_RESET}
    assert named.policy.awaited_steps == named.awaited_steps
    assert load({"WORKER_AWAITED_STEPS": ""}).awaited_steps == frozenset()

    with pytest.raises(SettingsError, match=r"WORKER_AWAITED_STEPS: .*'handset_logout'"):
        load({"WORKER_AWAITED_STEPS": "activation,logout"})


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "0", "soon"])
def test_a_span_of_time_that_no_clock_can_hold_is_refused(seconds: str) -> None:
    with pytest.raises(SettingsError, match="WORKER_OPERATION_TIME_ALLOWED_SECONDS: Input"):
        load({"WORKER_OPERATION_TIME_ALLOWED_SECONDS": seconds})


def test_an_unknown_setting_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"WORKER_PREFECH is not a setting.*WORKER_PREFETCH"):
        load({"WORKER_PREFECH": "10"})


def test_what_other_programs_are_told_is_none_of_ours() -> None:
    assert load({"HOME": "/nowhere", "PATH": "/bin"}) == Settings()


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://worker:hunter2@database/numbers\n", encoding="utf-8")

    settings = load({"DATABASE_URL_FILE": str(secret)})

    assert settings.database_url.endswith("worker:hunter2@database/numbers")
    assert "hunter2" not in repr(settings)
    with pytest.raises(SettingsError, match="cannot be read"):
        load({"DATABASE_URL_FILE": str(tmp_path / "missing")})
    with pytest.raises(SettingsError, match="set twice"):
        load({"DATABASE_URL_FILE": str(secret), "DATABASE_URL": "postgresql://database/numbers"})
