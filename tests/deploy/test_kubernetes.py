"""The manifests obey the schemas of Kubernetes, fit the worker, and demand little."""

import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest

from tests.deploy.manifests import DEPLOY, GRACE_SECONDS, REPOSITORY, read_yaml
from worker.settings import Settings, load

FOLDER = DEPLOY / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
VERSIONS = ("1.31", kubernetes_validate.latest_version())
"""The oldest one in which everything here is stable, and the newest one that is known."""
URLS = {
    "amqp-url": "amqps://worker:secret@rabbit-1/,amqps://worker:secret@rabbit-2/",
    "database-url": "postgresql://worker:secret@postgres/numbers",
}
LABEL = "app.kubernetes.io/name"

Manifest = Mapping[str, Any]


def manifest(name: str) -> Any:
    return read_yaml(FOLDER / f"{name}.yaml")


def pod(name: str) -> Any:
    return manifest(name)["spec"]["template"]["spec"]


def containers(name: str) -> Iterator[Any]:
    yield from pod(name).get("initContainers", [])
    yield from pod(name)["containers"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_manifest_obeys_the_schema(file: Path, version: str) -> None:
    kubernetes_validate.validate(read_yaml(file), version, strict=True)


def test_the_schema_refuses_what_it_does_not_know() -> None:
    broken = manifest("deployment")
    broken["spec"]["template"]["spec"]["enableServiceLink"] = False
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


@pytest.mark.parametrize("name", ["deployment", "prepare-job"])
def test_a_pod_may_do_nothing_that_it_does_not_need(name: str) -> None:
    spec = pod(name)

    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    # Any user id but root: the cluster may choose it.
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", ["deployment", "prepare-job"])
def test_the_worker_takes_the_settings_and_reads_its_secrets_from_files(
    name: str, tmp_path: Path
) -> None:
    for file, url in URLS.items():
        (tmp_path / file).write_text(url)
    for container in containers(name):
        (mount,) = container["volumeMounts"]
        environment = {
            item["name"]: item.get("value", "fd00::1").replace(mount["mountPath"], str(tmp_path))
            for item in container["env"]
        }
        settings = load(environment)

        assert not any("secret@" in str(item) for item in container["env"])
        assert settings.amqp_urls == tuple(URLS["amqp-url"].split(","))
        assert settings.database_url.endswith("worker:secret@postgres/numbers")
    (volume,) = pod(name)["volumes"]
    assert volume["secret"]["defaultMode"] == 0o444


def test_two_workers_run_and_one_of_them_stays() -> None:
    spec = manifest("deployment")["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert manifest("disruption-budget")["spec"]["maxUnavailable"] == 1


def test_the_grace_period_covers_the_longest_stop() -> None:
    assert pod("deployment")["terminationGracePeriodSeconds"] == GRACE_SECONDS


def test_probes_ask_the_worker_where_it_listens_whatever_the_ip_family() -> None:
    (container,) = containers("deployment")
    (port,) = container["ports"]
    (host,) = (item for item in container["env"] if item["name"] == "WORKER_HTTP_HOST")

    assert host["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    assert port["containerPort"] == Settings().http_port
    for probe, path in (
        ("startup", "/healthz"),
        ("liveness", "/healthz"),
        ("readiness", "/readyz"),
    ):
        assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": port["name"]}


def test_the_page_listens_on_the_loopback_of_the_pod_for_a_forwarded_port() -> None:
    (container,) = containers("deployment")
    env = {item["name"]: item.get("value") for item in container["env"]}
    page = (REPOSITORY / "worker" / "docs" / "operations.md").read_text(encoding="utf-8")

    assert "WORKER_PAGE_HOST" not in env
    assert Settings().page_host == "127.0.0.1"
    assert f"kubectl port-forward POD 8080:{env['WORKER_PAGE_PORT']}" in page


def test_all_manifests_speak_of_the_same_pods() -> None:
    label = {LABEL: "activation-worker"}
    template = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    monitor = read_yaml(FOLDER / "optional" / "service-monitor.yaml")
    selected = manifest("network-policy")["spec"]["podSelector"]["matchExpressions"][0]["values"]

    assert template == label
    assert manifest("deployment")["spec"]["selector"]["matchLabels"] == label
    assert manifest("disruption-budget")["spec"]["selector"]["matchLabels"] == label
    assert manifest("service")["spec"]["selector"] == label
    assert monitor["spec"]["selector"]["matchLabels"] == manifest("service")["metadata"]["labels"]
    assert (
        monitor["spec"]["endpoints"][0]["port"] == manifest("service")["spec"]["ports"][0]["name"]
    )
    job = manifest("prepare-job")["spec"]["template"]["metadata"]["labels"]
    assert {template[LABEL], job[LABEL]} == {*selected}
    assert {pod(name)["serviceAccountName"] for name in ("deployment", "prepare-job")} == {
        manifest("service-account")["metadata"]["name"]
    }


def test_the_image_has_the_version_of_the_worker() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    images = {
        container["image"]
        for name in ("deployment", "prepare-job")
        for container in containers(name)
    }

    assert images == {f"activation-worker:{project['version']}"}


def test_make_builds_the_image_that_the_manifests_name() -> None:
    recipe = subprocess.run(
        ["make", "--dry-run", "image"],  # noqa: S607 -- found by PATH, as a user finds it
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (container,) = pod("deployment")["containers"]

    assert re.findall(r"--tag (\S+)", recipe) == [container["image"]] * 2


def test_the_network_policy_lets_the_worker_reach_the_usual_ports_of_its_servers() -> None:
    policy = manifest("network-policy")["spec"]
    allowed = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    (ingress,) = policy["ingress"]

    for url in (*Settings().amqp_urls, Settings().database_url):
        assert urlsplit(url).port in allowed
    assert [port["port"] for port in ingress["ports"]] == [Settings().http_port]
