"""Looks at the pretend company over its real protocols: a bad release, its repair, and what happens when parts of the
outside do not answer."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from core.diagnosis import Action, BlastRadius, Decision, Proposal
from core.errors import Unreachable
from core.incident import Alert
from core.remediation import Look, Remediation
from core.settings import load_settings
from sandbox.company import Company, running, wait_until
from sandbox.faults import BAD_DEPLOY, QUIET_DEPENDENCY
from workers.adapters.alertmanager import Alertmanager
from workers.adapters.kubernetes import open_cluster
from workers.adapters.prometheus import Prometheus
from workers.loop.verify import Verdict, judge, measure, picture
from workers.ports import Series
from workers.verify import judging, looking
from workers.world import Operator

SPEED, SETTLE_S = 4.0, 10.0


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine runs the pretend company too: give it time, and lose none waiting for what stays as it is."""
    monkeypatch.setattr(looking, "FIRST_S", 10.0)
    monkeypatch.setattr(looking, "SECOND_S", 10.0)
    monkeypatch.setattr(judging, "WINDOW_S", 15.0)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with running(tmp_path, speed=SPEED) as company:
        yield company


@pytest.fixture
def operator(company: Company, tmp_path: Path) -> Operator:
    settings = load_settings({**company.environment(), "SRE_DATA_DIR": str(tmp_path)})
    cluster, metrics = open_cluster(settings, "shop-eu"), Prometheus(company.prometheus_url)

    def writes(name: str | None) -> None:
        raise AssertionError("verification writes nothing")

    return Operator(
        settings=settings, cluster=lambda name: cluster, writer=writes, metrics=lambda name: metrics,  # type: ignore[arg-type]
        alerts=Alertmanager(company.alertmanager_url), silences=None,
    )  # fmt: skip


def now_of(company: Company) -> datetime:
    return datetime.fromtimestamp(company.clock.now(), UTC)


def remediation(company: Company, service: str, kind: str = "rollback_deployment", **more: object) -> Remediation:
    action = Action.model_validate({"kind": kind, "namespace": "shop", "name": service, "params": {}})
    proposal = Proposal(
        action=action, target=f"Deployment/{service}", reason="", blast_radius=BlastRadius(pods=4, services=1),
        decision=Decision(verdict="allow", codes=(), policy_hash=""),
    )  # fmt: skip
    return Remediation(
        id="ACT-1", investigation="INV-1", number=1, service=service, cluster="shop-eu", proposal=proposal,
        created_at=now_of(company),
    ).model_copy(update=more)  # fmt: skip


def firing(company: Company, operator: Operator, service: str, wanted: str) -> tuple[Alert, ...]:
    """The service's alerts, once the wanted one is among them."""
    assert operator.alerts
    read = operator.alerts.firing
    wait_until(lambda: any(a.name == wanted and a.labels["service"] == service for a in read()), 20)
    return tuple(a for a in read() if a.labels["service"] == service)


def value(look: Look, name: str) -> float | None:
    return next(m.value for m in look.measures if m.name == name)


def is_rolled_out(company: Company, service: str, pods: int) -> bool:
    return company.world.ready()[service] == pods == len(company.world.pods_of(service))


def follow(
    held: Remediation,
    alerts: tuple[Alert, ...],
    company: Company,
    operator: Operator,
    settled: Callable[[], bool | None],
) -> tuple[Verdict, Remediation, list[float]]:
    """Look again and again until there is a verdict, as the job does; and how long each look took."""
    assert held.before and held.begun_at
    took_s: list[float] = []
    for _ in range(400):
        now, is_settled = now_of(company), settled()
        began = time.monotonic()
        seen = measure(held, alerts, operator, now, is_settled)
        took_s.append(time.monotonic() - began)
        previous = held.after
        verdict = judge(held.before, seen, (now - held.begun_at).total_seconds(), SETTLE_S, is_settled, previous)
        held = held.model_copy(update={"after": verdict.look})
        if verdict.outcome != "wait":
            return verdict, held, took_s
    raise AssertionError("nobody ever decided")


@pytest.mark.usefixtures("_patient")
def test_a_bad_release_and_its_repair(company: Company, operator: Operator) -> None:
    company.inject(BAD_DEPLOY)
    alerts = firing(company, operator, "checkout", "HighErrorRate")
    held = remediation(company, "checkout")
    wait_until(lambda: (value(measure(held, alerts, operator, now_of(company), None), "restarts of checkout") or 0) > 1)
    before = measure(held, alerts, operator, now_of(company), None)

    assert before.could_not_read == ()
    assert before.firing is not None
    assert {"HighErrorRate", "KubePodCrashLooping"} <= set(before.firing)
    errors = next(m for m in before.measures if m.name == "5xx of checkout")
    assert errors.value is not None
    assert errors.value > 0.05
    assert errors.normal == pytest.approx(0.002, abs=0.002)
    assert (value(before, "ready pods of checkout"), value(before, "wanted pods of checkout")) == (2, 4)
    assert {m.service for m in before.measures if m.downstream} == {"storefront"}

    unlinked = tuple(alert.model_copy(update={"generator_url": ""}) for alert in alerts)
    by_rule = measure(held, unlinked, replace(operator, alerts=None), now_of(company), None)
    assert set(by_rule.firing or ()) == set(before.firing)

    held = held.model_copy(update={"before": before, "begun_at": now_of(company), "state": "watching"})
    company.heal()
    verdict, held, took_s = follow(held, alerts, company, operator, lambda: is_rolled_out(company, "checkout", 4))
    assert verdict.outcome == "worked", verdict
    assert median(took_s) < 2.0
    assert verdict.look.firing == ()
    assert any(line.startswith("5xx of checkout ") and "→" in line for line in verdict.sentences), verdict.sentences
    assert "4 of 4 pods ready, 2 before" in verdict.sentences

    graph = picture(held, operator, now_of(company))
    assert graph is not None
    assert graph.png.startswith(b"\x89PNG")
    assert struct.unpack(">II", graph.png[16:24]) == (1600, 800)
    assert len(graph.png) < 60_000
    assert graph.title == "5xx of checkout"
    assert graph.alt_text.startswith("Graph of 5xx of checkout: 0.")
    assert "; marked: the rollout at " in graph.alt_text
    assert graph.alt_text.endswith(" UTC (Rolled checkout back to the revision before).")


@pytest.mark.usefixtures("_patient")
def test_a_restart_that_repairs_nothing_is_not_proved(company: Company, operator: Operator) -> None:
    company.inject(BAD_DEPLOY)
    alerts = firing(company, operator, "checkout", "HighErrorRate")
    held = remediation(company, "checkout", "restart_deployment")
    held = held.model_copy(
        update={"before": measure(held, alerts, operator, now_of(company), None), "begun_at": now_of(company)}
    )
    verdict, _, _ = follow(held, alerts, company, operator, lambda: None)
    assert verdict.outcome in ("unproven", "worse")


@pytest.mark.usefixtures("_patient")
def test_what_hurts_those_downstream_is_worse(company: Company, operator: Operator) -> None:
    held = remediation(company, "cart-redis")
    held = held.model_copy(
        update={"before": measure(held, (), operator, now_of(company), None), "begun_at": now_of(company)}
    )
    company.inject(QUIET_DEPENDENCY)
    verdict, _, _ = follow(held, (), company, operator, lambda: None)
    assert verdict.outcome == "worse"
    assert any(line.startswith("5xx of checkout") and "→" in line for line in verdict.sentences), verdict.sentences


class _Broken:
    """A Prometheus that fails each read in one way."""

    url = "http://prometheus"

    def __init__(self, fail: Callable[[], object]) -> None:
        self._fail = fail

    def instant(self, query: str, at: datetime | None = None) -> tuple[Series, ...]:
        self._fail()
        return ()

    def range(self, query: str, start: datetime, end: datetime, step_s: int) -> tuple[Series, ...]:
        self._fail()
        return ()

    def names(self, matching: str) -> tuple[str, ...]:
        self._fail()
        return ()

    def rules(self, alert_name: str) -> tuple[object, ...]:
        self._fail()
        return ()

    def link(self, query: str) -> str:
        return ""


def _refuse() -> None:
    raise Unreachable("Prometheus does not answer; check PROMETHEUS_URL.")


@pytest.mark.usefixtures("_patient")
def test_without_prometheus_alertmanager_and_the_cluster_still_tell(company: Company, operator: Operator) -> None:
    company.inject(BAD_DEPLOY)
    alerts = firing(company, operator, "checkout", "KubePodCrashLooping")
    for metrics in (None, _Broken(_refuse)):
        blind = replace(operator, metrics=lambda name, it=metrics: it)
        look = measure(remediation(company, "checkout"), alerts, blind, now_of(company), None)
        assert look.firing is not None
        assert "KubePodCrashLooping" in look.firing
        assert value(look, "ready pods of checkout") == 2
        assert any("metrics" in line.lower() for line in look.could_not_read), look.could_not_read
        assert picture(remediation(company, "checkout"), blind, now_of(company)) is None


@pytest.mark.usefixtures("_patient")
def test_without_alertmanager_too_nobody_knows_whether_it_holds(company: Company, operator: Operator) -> None:
    company.inject(BAD_DEPLOY)
    alerts = firing(company, operator, "checkout", "KubePodCrashLooping")
    blind = replace(operator, metrics=lambda name: _Broken(_refuse), alerts=None)
    look = measure(remediation(company, "checkout"), alerts, blind, now_of(company), None)
    assert look.firing is None
    assert "whether KubePodCrashLooping still holds" in look.could_not_read


def test_a_cluster_that_is_away_is_listed_and_raises_nothing(company: Company, operator: Operator) -> None:
    def away(name: str | None) -> None:
        raise Unreachable("The Kubernetes API of context shop-operator does not answer.")

    look = measure(remediation(company, "checkout"), (), replace(operator, cluster=away), now_of(company), None)
    assert any("the cluster" in line for line in look.could_not_read)
    assert not [m for m in look.measures if m.unit == "count"]


def test_a_source_that_hangs_is_left_behind_in_time(company: Company, operator: Operator) -> None:
    ended = threading.Event()
    hangs = _Broken(partial(ended.wait, 30))
    began = time.monotonic()
    look = measure(
        remediation(company, "checkout"), (), replace(operator, metrics=lambda name: hangs), now_of(company), None
    )
    took_s = time.monotonic() - began
    ended.set()
    assert took_s < 3.0  # 2 s, and some for a busy machine
    assert any("no answer within" in line for line in look.could_not_read)


@pytest.mark.usefixtures("_patient")
def test_a_silence_ends_the_alert_and_not_the_trouble(company: Company, operator: Operator) -> None:
    """Its own expression holds on; whether anybody is told is Alertmanager's to say."""
    company.inject(BAD_DEPLOY)
    alerts = firing(company, operator, "checkout", "KubePodCrashLooping")
    silence = remediation(company, "checkout", "silence_alert")
    look = measure(silence, alerts, operator, now_of(company), None)
    assert look.firing is not None
    assert "KubePodCrashLooping" in look.firing
    quiet = replace(operator, alerts=_Quiet())
    assert measure(silence, alerts, quiet, now_of(company), None).firing == ()
    assert measure(remediation(company, "checkout"), alerts, quiet, now_of(company), None).firing != ()


class _Quiet:
    def firing(self) -> tuple[Alert, ...]:
        return ()

    def link(self, alert: Alert) -> str:
        return ""
