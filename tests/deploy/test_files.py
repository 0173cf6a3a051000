"""What `deploy/` names is there: settings and routes; and what is YAML can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from runwright.http.access import ROUTES
from runwright.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.name != ".env")
MADE_UP = {"RUNWRIGHT_PORT"}  # what Kubernetes would set, named as a warning


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_settings_that_are_named_are_settings(path: Path) -> None:
    """A renamed setting is noticed here, and not at the first start on a new machine."""
    named = set(re.findall(r"RUNWRIGHT_[A-Z_]+[A-Z]", path.read_text())) - MADE_UP
    known = {f"RUNWRIGHT_{name.upper()}" for name in Settings.model_fields}

    assert named <= known


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix in (".yaml", ".yml")], ids=lambda path: path.name
)
def test_yaml_can_be_read(path: Path) -> None:
    """Each document is a mapping."""
    documents = list(yaml.safe_load_all(path.read_text()))

    assert documents
    assert all(isinstance(document, dict) for document in documents)


def test_probes_ask_for_routes_that_are_there() -> None:
    """Alive, ready and started, of the container and of the pods."""
    text = "".join(path.read_text() for path in FILES if path.suffix == ".yaml")
    asked = set(re.findall(r"/health/[a-z]+|/metrics", text))

    assert asked == {"/health/live", "/health/ready", "/metrics"}
    assert {f"GET {path}" for path in asked} <= ROUTES.keys()


def test_every_pod_and_container_is_probed_where_it_listens() -> None:
    """A worker is asked on the port of its metrics, an API on its own."""
    pods = yaml.safe_load_all((DEPLOY / "kubernetes" / "runwright.yaml").read_text())
    deployments = [document for document in pods if document["kind"] == "Deployment"]
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    assert len(deployments) == 2
    for deployment in deployments:
        pod = deployment["spec"]["template"]
        (container,) = pod["spec"]["containers"]
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        asked = {
            kind: container[f"{kind}Probe"]["httpGet"]["path"]
            for kind in ("startup", "liveness", "readiness")
        }
        assert asked == {
            "startup": "/health/live",
            "liveness": "/health/live",
            "readiness": "/health/ready",
        }
        for kind in asked:
            port = ports[container[f"{kind}Probe"]["httpGet"]["port"]]
            assert port == pod["metadata"]["annotations"]["prometheus.io/port"]
            assert port == (container["args"][-1] if "worker" in container["args"] else "8000")
    for name, port in {"api": "8000", "worker": "9100"}.items():
        assert f":{port}/health/ready" in services[name]["healthcheck"]["test"][-1]
    assert services["worker"]["command"] == ["worker", "--metrics-port", "9100"]


def test_the_grace_of_a_pod_is_longer_than_that_of_the_server() -> None:
    """Else a drain would be cut off."""
    text = (DEPLOY / "kubernetes" / "runwright.yaml").read_text()
    graces_s = [int(number) for number in re.findall(r"terminationGracePeriodSeconds: (\d+)", text)]
    needed_s = Settings.model_fields["drain_grace_s"].default

    assert len(graces_s) == 2
    assert min(graces_s) > needed_s + 10


def test_nothing_that_runs_tools_may_do_more_than_it_needs() -> None:
    """No root, no capability, nothing to write to but `/tmp`, and no token of the cluster."""
    pods = yaml.safe_load_all((DEPLOY / "kubernetes" / "runwright.yaml").read_text())
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for pod in [one["spec"]["template"]["spec"] for one in pods if one["kind"] == "Deployment"]:
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    for name in ("api", "worker"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
    stages = (DEPLOY / "Dockerfile").read_text().split("FROM ")
    assert "\nUSER runwright\n" in stages[-1]
