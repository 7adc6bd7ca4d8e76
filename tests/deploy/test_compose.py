"""The compose files obey the specification, and name files and services that exist."""

from pathlib import Path
from typing import Any

import pytest
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

from tests.deploy.manifests import DEPLOY, GRACE_SECONDS, REPOSITORY, read_yaml

START = REPOSITORY / "compose.yaml"
MONITORING = DEPLOY / "compose" / "monitoring.yaml"
PROMETHEUS = DEPLOY / "prometheus" / "prometheus.yaml"


def judged(file: Path) -> int:
    return (
        CliRunner()
        .invoke(check_jsonschema, ["--builtin-schema", "vendor.compose-spec", str(file)])
        .exit_code
    )


@pytest.mark.parametrize("file", [START, MONITORING], ids=lambda file: file.stem)
def test_a_compose_file_obeys_the_specification(file: Path) -> None:
    assert judged(file) == 0


def test_the_specification_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text(START.read_text().replace("restart:", "restarts:"))

    assert judged(broken) != 0


def test_every_mounted_file_exists() -> None:
    services = read_yaml(MONITORING)["services"]
    mounted = [mount.split(":") for service in services.values() for mount in service["volumes"]]
    files = [source for source, *_ in mounted if source.startswith("./")]

    assert len(files) == 5
    assert [source for source in files if not (REPOSITORY / source).is_file()] == []


def test_every_named_volume_is_declared() -> None:
    for file in (START, MONITORING):
        content = read_yaml(file)
        named = {
            mount.partition(":")[0]
            for service in content["services"].values()
            for mount in service.get("volumes", [])
            if not mount.startswith("./")
        }
        assert named == {*content["volumes"]}


def test_a_recreated_broker_finds_its_messages_again() -> None:
    # RabbitMQ keeps them under the name of its host, which is otherwise that of the container.
    assert read_yaml(START)["services"]["rabbitmq"]["hostname"] == "rabbitmq"


def test_postgresql_is_healthy_once_others_can_reach_it() -> None:
    # The image fills a new database by a server without TCP, to which a socket would lead.
    test = read_yaml(START)["services"]["postgresql"]["healthcheck"]["test"]

    assert test[:4] == ["CMD", "pg_isready", "--host", "127.0.0.1"]


def test_prometheus_and_grafana_find_each_other_and_the_worker() -> None:
    config = read_yaml(PROMETHEUS)
    (source,) = read_yaml(DEPLOY / "grafana" / "datasources.yaml")["datasources"]
    services = {**read_yaml(START)["services"], **read_yaml(MONITORING)["services"]}

    assert [target for job in config["scrape_configs"] for target in targets_of(job)] == [
        "worker:8080"
    ]
    assert source["url"] == "http://prometheus:9090"
    assert {"worker", "prometheus"} <= {*services}


def test_prometheus_evaluates_the_rules_and_grafana_shows_the_dashboard() -> None:
    services = read_yaml(MONITORING)["services"]
    mounted = {
        name: dict(mount.split(":")[:2] for mount in service["volumes"])
        for name, service in services.items()
    }
    (provider,) = read_yaml(DEPLOY / "grafana" / "dashboards.yaml")["providers"]

    assert read_yaml(PROMETHEUS)["rule_files"] == ["rules.yaml"]
    assert (
        mounted["prometheus"]["./worker/deploy/prometheus/rules.yaml"]
        == "/etc/prometheus/rules.yaml"
    )
    dashboard = mounted["grafana"]["./worker/deploy/grafana/dashboard.json"]
    assert str(Path(dashboard).parent) == provider["options"]["path"]


def targets_of(job: Any) -> list[str]:
    return [target for config in job["static_configs"] for target in config["targets"]]


def test_the_worker_has_the_time_for_its_longest_stop() -> None:
    worker = read_yaml(START)["services"]["worker"]

    assert worker["stop_grace_period"] == f"{GRACE_SECONDS}s"
