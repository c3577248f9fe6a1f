"""The whole pretend company over its real protocols: faults reach the webhook, and repairs end them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from core.settings import load_settings
from sandbox.company import Company, running, wait_until
from sandbox.faults import BAD_DEPLOY, NODE_DOWN, QUIET_DEPENDENCY
from sandbox.scenarios import SCENARIOS, Scenario
from sandbox.services import BATCH, BY_NAME, SERVICES

LOUD = [s for s in SCENARIOS if s.fault and not s.tenants]


@dataclass
class Inbox:
    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)

    def alerts(self, status: str = "firing") -> set[tuple[str, str]]:
        """Name and service of the alerts that were posted with this status."""
        posted = (a for body in self.got for a in body["alerts"] if a["status"] == status)
        return {(a["labels"]["alertname"], a["labels"].get("service", "")) for a in posted}


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    held = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            held.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}/webhooks/alertmanager"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield held
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def company(tmp_path: Path, inbox: Inbox) -> Iterator[Company]:
    with running(tmp_path, speed=10.0, webhook_url=inbox.url) as company:
        yield company


def test_an_alert_reaches_the_webhook_within_seconds_of_real_time(tmp_path: Path, inbox: Inbox) -> None:
    with running(tmp_path, webhook_url=inbox.url) as company:
        began = time.monotonic()
        company.inject(BAD_DEPLOY)
        wait_until(lambda: inbox.got)
        assert time.monotonic() - began < 6
        assert ("KubePodCrashLooping", "checkout") in inbox.alerts()


@pytest.mark.parametrize("scenario", LOUD, ids=lambda s: s.name)
def test_a_fault_is_reported_and_its_end_too(company: Company, inbox: Inbox, scenario: Scenario) -> None:
    assert scenario.fault
    company.inject(scenario.fault)
    wait_until(lambda: {service for _, service in inbox.alerts()} & set(scenario.ending.services))
    company.heal()
    wait_until(lambda: inbox.alerts() == inbox.alerts("resolved"), 30)
    loud = {service for _, service in inbox.alerts()}
    assert loud <= {*scenario.ending.services, "storefront"}


def test_a_dead_node_is_a_storm_that_ends_when_it_comes_back(tmp_path: Path, inbox: Inbox) -> None:
    with running(tmp_path, speed=3.0, webhook_url=inbox.url, tenants=10) as company:
        company.inject(NODE_DOWN)
        wait_until(lambda: ("KubeNodeNotReady", "") in inbox.alerts(), 30)
        wait_until(lambda: sum(name == "TenantDown" for name, _ in inbox.alerts()) == 10, 30)
        assert company.world.ready()["orders-db"] == 0
        company.heal()
        wait_until(lambda: inbox.alerts() == inbox.alerts("resolved"), 60)
        assert company.world.ready()["orders-db"] == 1


def test_what_is_silenced_fires_but_is_not_told(company: Company, inbox: Inbox) -> None:
    company.inject(QUIET_DEPENDENCY)
    wait_until(lambda: ("HighErrorRate", "storefront") in inbox.alerts())
    found = requests.get(f"{company.prometheus_url}/api/v1/alerts", timeout=5).json()["data"]["alerts"]
    assert "cart-redis" in {a["labels"]["service"] for a in found if a["state"] == "firing"}
    listed = requests.get(f"{company.alertmanager_url}/api/v2/alerts", timeout=5).json()
    assert {a["status"]["state"] for a in listed if a["labels"]["service"] == "cart-redis"} == {"suppressed"}
    assert "cart-redis" not in {service for _, service in inbox.alerts()}


def test_a_notification_waits_for_a_bot_that_starts_later(tmp_path: Path, inbox: Inbox) -> None:
    with running(tmp_path, speed=10.0) as company:
        company.inject(BAD_DEPLOY)
        groups = f"{company.alertmanager_url}/api/v2/alerts/groups"
        wait_until(lambda: requests.get(groups, timeout=5).json())
        company.webhook_url = inbox.url
        wait_until(lambda: ("KubePodCrashLooping", "checkout") in inbox.alerts())


def test_the_alert_names_its_expression_and_what_it_measures(company: Company, inbox: Inbox) -> None:
    company.inject(QUIET_DEPENDENCY)
    wait_until(lambda: ("HighErrorRate", "checkout") in inbox.alerts())
    posted = [a for b in inbox.got for a in b["alerts"] if a["labels"]["alertname"] == "HighErrorRate"]
    alert = next(a for a in posted if a["labels"]["service"] == "checkout")
    assert alert["generatorURL"].startswith(f"{company.prometheus_url}/graph?g0.expr=sum+by+%28namespace%2C+service%29")
    assert alert["labels"]["severity"] == "critical"
    assert "% of requests with 5xx" in alert["annotations"]["summary"]
    rules = requests.get(f"{company.prometheus_url}/api/v1/rules", timeout=5).json()["data"]["groups"][0]["rules"]
    rule = next(r for r in rules if r["name"] == "HighErrorRate")
    assert (rule["state"], rule["health"], rule["type"]) == ("firing", "ok", "alerting")


def query(company: Company, expression: str, **more: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{company.prometheus_url}/api/v1/query", params={"query": expression, **more}, timeout=10)
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def test_the_hours_before_are_normal_and_whole(company: Company) -> None:
    ratio = "max_over_time((sum by (service) (rate(http_requests_total{code=~'5..'}[5m])) / sum by (service) "
    worst = query(company, ratio + "(rate(http_requests_total[5m])))[5h:5m])")
    assert {r["metric"]["service"] for r in worst} == {s.name for s in SERVICES if s.speaks_http}
    assert all(0 < float(r["value"][1]) < 0.01 for r in worst)
    counts = query(company, "min_over_time(count by (service) (up{namespace='shop'})[5h:10m])")
    assert {r["metric"]["service"]: int(r["value"][1]) for r in counts} == {s.name: s.replicas for s in SERVICES}
    slow = query(
        company, "histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket[5m])))"
    )
    assert all(0.01 < float(r["value"][1]) < 1 for r in slow)


def test_metrics_show_what_the_cluster_shows(company: Company) -> None:
    company.inject(BAD_DEPLOY)
    available = "kube_deployment_status_replicas_available{deployment='checkout'}"
    wait_until(lambda: query(company, available)[0]["value"][1] == "2")
    waiting = "count(kube_pod_container_status_waiting_reason{reason='CrashLoopBackOff',pod=~'checkout-.*'})"
    wait_until(lambda: [r["value"][1] for r in query(company, waiting)] == ["3"])
    assert query(company, "sum(kube_pod_status_phase{phase='Running',namespace='shop'})")
    known = requests.get(f"{company.prometheus_url}/api/v1/metadata", timeout=5).json()["data"]
    assert {"http_requests_total", "container_memory_working_set_bytes", "kube_deployment_spec_replicas"} <= set(known)


def test_the_environment_is_one_that_the_bot_accepts(company: Company) -> None:
    settings = load_settings({**company.environment(), "HOME": "/nonexistent"})
    assert settings.alertmanager_url == company.alertmanager_url
    assert set(settings.config.services) == {*BY_NAME, BATCH}
    assert settings.config.services["checkout"].depends_on == ("cart-redis", "payments", "catalog")
    assert settings.config.services["cart-redis"].state == "memory"
    assert settings.config.autonomy.namespaces == ("shop",)
    assert company.kubeconfig.stat().st_mode & 0o077 == 0


def test_scenarios_name_services_and_workloads_that_exist() -> None:
    assert [s.name for s in SCENARIOS] == [
        "bad-deploy", "autonomous", "memory-limit", "image-typo", "unschedulable", "quiet-dependency", "storm",
        "healthy",
    ]  # fmt: skip
    for scenario in SCENARIOS:
        assert set(scenario.ending.services) <= {None, *BY_NAME}
        assert (scenario.ending.target is None) == (scenario.ending.condition is None) == (scenario.fault is None)
        assert scenario.fault or scenario.says
        if scenario.ending.target and scenario.ending.service:
            kind, _, name = scenario.ending.target.partition("/")
            assert (kind, BY_NAME[name].kind) == ("Deployment", "Deployment")
