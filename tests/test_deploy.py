"""What deploy/ holds passes its field's linters, agrees with the code, and is no secret."""

from __future__ import annotations

import functools
import json
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
CHART = DEPLOY / "helm" / "konkyo"
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
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
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
        ["kubectl", "kustomize", str(MANIFESTS)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
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


@functools.cache
def chart(*words: str) -> list[Node]:
    """The chart as Helm fills it in."""
    made = subprocess.run(
        [tool("helm"), "template", "news", str(CHART), *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    return [one for one in yaml.safe_load_all(made) if one]


ALL = (
    *("--set", "autoscaling.enabled=true", "--set", "monitoring.serviceMonitor=true"),
    *("--set", "monitoring.alerts=true", "--set", "monitoring.dashboard=true"),
)


def test_the_chart() -> None:
    passes(tool("helm"), "lint", "--strict", str(CHART))
    with pytest.raises(subprocess.CalledProcessError):
        chart("--set", "settings.KONKYO_STORE_PASSWORD=x")


@pytest.mark.parametrize("words", [(), ALL], ids=["defaults", "everything"])
def test_what_the_chart_makes(words: tuple[str, ...], tmp_path: Path) -> None:
    made = chart(*words)
    theirs = ("ServiceMonitor", "PrometheusRule")
    known = [one for one in made if one["kind"] not in theirs]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(known), "utf-8")
    passes(tool("kubernetes-validate"), "--strict", "--quiet", str(tmp_path / "all.yaml"))
    assert ({one["kind"] for one in made} >= set(theirs)) == bool(words)


def test_the_chart_is_as_careful_as_the_manifests() -> None:
    def pod_of(made: list[Node], kind: str) -> Node:
        spec = next(one["spec"] for one in made if one["kind"] == kind)
        found: Node = (spec.get("jobTemplate", {}).get("spec") or spec)["template"]["spec"]
        return found

    ours, chart_ours = manifests(), chart()
    for kind in ("Deployment", "CronJob"):
        plain, filled = pod_of(ours, kind), pod_of(chart_ours, kind)
        assert filled["securityContext"] == plain["securityContext"]
        assert filled["automountServiceAccountToken"] is False
        for mine, theirs in zip(
            [*filled["containers"], *filled["initContainers"]],
            [*plain["containers"], *plain["initContainers"]],
            strict=True,
        ):
            for key in ("securityContext", "readinessProbe", "livenessProbe", "lifecycle", "env"):
                assert mine.get(key) == theirs.get(key)
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    settings = next(one for one in ours if one["kind"] == "ConfigMap")["data"]
    assert values["settings"] == settings


def test_programs_and_prometheus_come_in_by_a_key() -> None:
    for made in (manifests(), chart(*ALL)):
        pod = next(o for o in made if o["kind"] == "Deployment")["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
        file = {e["name"]: e["value"] for e in container["env"]}["KONKYO_CHAT__KEYS_FILE"]
        volume = next(v for v in pod["volumes"] if v["name"] == "keys")["secret"]
        assert file == f"{mounts['keys']}/{volume['items'][0]['path']}"
        # A mount of one file alone would not change with the secret.
        assert all("subPath" not in m for m in container["volumeMounts"])
        server = next(o for o in made if o["metadata"]["name"].endswith("-server"))
        sources = server["spec"]["ingress"][0]["from"]
        assert len(sources) == 2
    monitor = next(o for o in chart(*ALL) if o["kind"] == "ServiceMonitor")["spec"]
    (endpoint,) = monitor["endpoints"]
    service = next(o for o in chart(*ALL) if o["kind"] == "Service")
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["authorization"]["credentials"] == {"name": "konkyo-keys", "key": "prometheus"}
    server = compose()["services"]["chat-a"]
    assert server["environment"]["KONKYO_CHAT__KEYS_FILE"] == "/run/secrets/keys"
    assert server["secrets"] == ["keys"]


def test_servers_are_added_by_what_is_counted() -> None:
    scaler = next(o for o in chart(*ALL) if o["kind"] == "HorizontalPodAutoscaler")["spec"]
    named = {metric["pods"]["metric"]["name"] for metric in scaler["metrics"]}
    assert named == {"konkyo_queue", "konkyo_open_questions"}
    assert scaler["scaleTargetRef"]["name"] == "news"
    deployment = next(o for o in chart(*ALL) if o["kind"] == "Deployment")
    assert "replicas" not in deployment["spec"]


def test_the_dashboard_and_the_alerts_show_what_is_counted() -> None:
    from konkyo.ui.server.telemetry import Telemetry

    telemetry = Telemetry()
    telemetry.gauge("konkyo_queue", "Questions waiting.", lambda: 0)
    telemetry.gauge("konkyo_generation", "Of the index.", lambda: 1)
    kinds = dict(re.findall(r"# TYPE (\w+) (\w+)", telemetry.exposition().decode()))
    counted = {n + "_bucket" if kind == "histogram" else n for n, kind in kinds.items()}
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text("utf-8"))
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text("utf-8"))["groups"]
    told = [rule["expr"] for group in alerts for rule in group["rules"]]
    named = set(re.findall(r"\bkonkyo_\w+", " ".join([*shown, *told])))
    assert named <= counted
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    rule = next(o for o in chart(*ALL) if o["kind"] == "PrometheusRule")
    assert rule["spec"]["groups"] == alerts
    held = next(o for o in chart(*ALL) if o["metadata"]["name"] == "news-dashboard")
    assert json.loads(held["data"]["konkyo.json"]) == dashboard


ALERTS = """
rule_files: [ALERTS]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: konkyo_queue{pod="a"}
        values: 30x60
      - series: konkyo_queue{pod="b"}
        values: 2x60
      - series: up{job="konkyo"}
        values: 1x60
      - series: konkyo_http_requests_total{code="200"}
        values: 0+10x60
      - series: konkyo_http_requests_total{code="503"}
        values: 0+1x60
    alert_rule_test:
      - {eval_time: 5m, alertname: KonkyoQueueLong, exp_alerts: []}
      - eval_time: 30m
        alertname: KonkyoQueueLong
        exp_alerts:
          - exp_labels: {severity: warning}
            exp_annotations:
              summary: 16 questions wait for the model on each server.
              description: Add servers, or give the model server more places.
      - eval_time: 30m
        alertname: KonkyoErrors
        exp_alerts:
          - exp_labels: {severity: critical}
            exp_annotations:
              summary: 9.091% of requests fail.
              description: The database or the language model may be away; the logs say which.
      - {eval_time: 30m, alertname: KonkyoDown, exp_alerts: []}
      - {eval_time: 60m, alertname: KonkyoIndexOld, exp_alerts: []}
  - interval: 1m
    input_series:
      - series: konkyo_generation{pod="a"}
        values: 7x3000 _x400
      - series: konkyo_generation{pod="b"}
        values: _x2940 7x400
    alert_rule_test:
      - {eval_time: 40h, alertname: KonkyoIndexOld, exp_alerts: []}
      - eval_time: 52h
        alertname: KonkyoIndexOld
        exp_alerts:
          - exp_labels: {severity: warning}
            exp_annotations:
              summary: The index has not changed for two days.
              description: The job that indexes may fail, or its sources bring nothing new.
      - eval_time: 10h
        alertname: KonkyoDown
        exp_alerts:
          - exp_labels: {severity: critical}
            exp_annotations:
              summary: No Konkyo server answers Prometheus.
              description: Readers cannot ask. Look at the servers' logs and at /ready.
"""


def test_alerts_are_raised_when_they_should(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool, which comes with Prometheus, is not installed")
    rules = CHART / "files" / "alerts.yaml"
    passes("promtool", "check", "rules", str(rules))
    (tmp_path / "test.yaml").write_text(ALERTS.replace("ALERTS", str(rules)), "utf-8")
    passes("promtool", "test", "rules", str(tmp_path / "test.yaml"))


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
    # Names of secrets, and templates that name them.
    named = ("${", "{{", "[", "konkyo", "false")
    assert [value for value in given if not value.startswith(named)] == []
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
