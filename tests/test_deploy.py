"""What deploy/ holds passes its field's linters, agrees with the code, and is no secret."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from konkyo.index.settings import ChatSettings, Settings

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
MANIFESTS = DEPLOY / "kubernetes"
# Variables that are read without being settings.
READ = {
    "KONKYO_STORE",
    "KONKYO_STORE_PASSWORD",
    "KONKYO_PASSWORD",
    "KONKYO_EDITOR_PASSWORD",
    "KONKYO_HOME",
}

Node = dict[str, Any]


def tool(name: str) -> str:
    """A linter of the dev extra, beside this interpreter."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; pip install -e '.[dev]'")
    return found


def passes(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def manifests() -> list[Node]:
    """All manifests, as kustomize would put them together without its changes."""
    listed = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert {"kustomization.yaml", *listed} == {path.name for path in MANIFESTS.glob("*.yaml")}
    return [
        document
        for name in listed
        for document in yaml.safe_load_all((MANIFESTS / name).read_text("utf-8"))
    ]


def pods() -> Iterator[tuple[str, Node]]:
    for one in manifests():
        if one["kind"] == "Deployment":
            yield one["kind"], one["spec"]["template"]
        elif one["kind"] == "CronJob":
            yield one["kind"], one["spec"]["jobTemplate"]["spec"]["template"]


def compose() -> Node:
    found: Node = yaml.safe_load(COMPOSE.read_text("utf-8"))
    return found


def test_yaml() -> None:
    passes(tool("yamllint"), "--strict", "-c", str(DEPLOY / "yamllint.yaml"), str(DEPLOY))


def test_the_container_file() -> None:
    passes(tool("hadolint"), str(DEPLOY / "Containerfile"))


def test_the_compose_file() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    passes(tool("check-jsonschema"), *schema, str(COMPOSE))


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*.yaml")), ids=lambda path: path.name)
def test_each_manifest(path: Path) -> None:
    if path.name != "kustomization.yaml":
        passes(tool("kubernetes-validate"), "--strict", "--quiet", str(path))


def test_kustomize_puts_them_together(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which brings kustomize, is not installed")
    made = subprocess.run(
        ["kubectl", "kustomize", str(MANIFESTS)], capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "all.yaml").write_text(made, "utf-8")
    passes(tool("kubernetes-validate"), "--strict", "--quiet", str(tmp_path / "all.yaml"))
    found = list(yaml.safe_load_all(made))
    assert len(found) == len(manifests())
    # Every policy, service and budget finds the pods it is for.
    templates = [
        one["spec"]["template"]
        if one["kind"] == "Deployment"
        else one["spec"]["jobTemplate"]["spec"]["template"]
        for one in found
        if one["kind"] in ("Deployment", "CronJob")
    ]
    labels = [set(template["metadata"]["labels"].items()) for template in templates]
    for one in found:
        spec = one.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector") or {}
        wanted = selector.get("matchLabels", selector)
        if wanted:
            assert any(set(wanted.items()) <= own for own in labels), one["kind"]


def test_the_proxy_configuration() -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed")
    passes(caddy, "validate", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile")


def test_every_pod_is_confined() -> None:
    for kind, template in pods():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, kind
        assert spec["automountServiceAccountToken"] is False
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            confined = container["securityContext"]
            assert confined["allowPrivilegeEscalation"] is False
            assert confined["readOnlyRootFilesystem"] is True
            assert confined["capabilities"]["drop"] == ["ALL"]
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


def test_a_server_has_time_to_finish_its_answers() -> None:
    settings = next(one for one in manifests() if one["kind"] == "ConfigMap")["data"]
    spec = next(template["spec"] for kind, template in pods() if kind == "Deployment")
    (container,) = spec["containers"]
    leaving = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = float(settings["KONKYO_CHAT__GRACE"])
    assert leaving + grace + 5 <= spec["terminationGracePeriodSeconds"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    server = compose()["services"]["chat-a"]
    period = float(server["stop_grace_period"].removesuffix("s"))
    assert float(server["environment"]["KONKYO_CHAT__GRACE"]) + 5 <= period


def test_variables_are_ones_that_are_read() -> None:
    text = "".join(path.read_text("utf-8") for path in DEPLOY.rglob("*") if path.is_file())
    for name in sorted(
        set(re.findall(r"\bKONKYO_[A-Z_]*[A-Z]\b", text)) - READ - {"KONKYO_SERVERS"}
    ):
        section, _, key = name.removeprefix("KONKYO_").lower().partition("__")
        assert key in type(getattr(Settings(), section)).model_fields, name
    assert ChatSettings().grace > 0


def test_nothing_secret_is_in_them() -> None:
    assert not any(one["kind"] == "Secret" for one in manifests())
    text = "".join(path.read_text("utf-8") for path in DEPLOY.rglob("*") if path.is_file())
    # A user may be part of an address, a password never.
    assert not re.findall(r"://[^/\s:@]+:[^/\s@]+@", text)
    given = re.findall(r"(?im)^\s*\w*(?:password|secret|token|api_key)\w*\s*[:=][ \t]*(\S+)", text)
    assert [value for value in given if not value.startswith(("${", "konkyo-tls", "false"))] == []
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name and value is not None:
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]*\}", value), name


def test_compose_lets_nobody_in_unasked() -> None:
    services = compose()["services"]
    published = {name for name, one in services.items() if one.get("ports")}
    assert published == {"proxy"}
    assert services["proxy"]["ports"][0].startswith("${BIND:-127.0.0.1}:")
    for name in ("chat-a", "chat-b", "index", "models", "proxy"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["chat-a"] == services["chat-b"]
