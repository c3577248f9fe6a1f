from __future__ import annotations

import time
from datetime import timedelta

import pytest

from core.diagnosis import Subject
from core.errors import Forbidden, ToolError, Unreachable
from core.incident import Alert
from core.observation import Observation
from core.settings import Config
from tests.unit.workers.triage.scene import NOW, Scene, deployment, looping, make, pod_of, running, seen
from workers.loop import observe as stage
from workers.loop.observe import observe, triage
from workers.triage.resources import RESOURCES

WEB = deployment()
POD = pod_of(WEB, looping())
SHOP = make("Namespace", "shop", None)
ASKED = Subject(text="web is down", namespace="shop", target="Deployment/web")
DOWN = Unreachable("The Kubernetes API cannot be reached; check the address and the network.")


class Firing:
    """Implements workers.ports.Alerts."""

    def __init__(self, *alerts: Alert, error: Unreachable | None = None) -> None:
        self.alerts, self.error = alerts, error

    def firing(self) -> tuple[Alert, ...]:
        if self.error:
            raise self.error
        return self.alerts

    def link(self, alert: Alert) -> str:
        return f"https://alertmanager.invalid/#/alerts?filter={alert.fingerprint}"


def alert(name: str, fingerprint: str, **labels: str) -> Alert:
    return Alert(
        fingerprint=fingerprint, name=name, status="firing", labels=labels, starts_at=NOW - timedelta(minutes=5)
    )


def everything_refused(error: Exception) -> dict[str, Exception]:
    return {resource.name: error for resource in RESOURCES} | {"namespaces": error}


def cited(observation: Observation) -> set[str]:
    parts = (
        *observation.findings,
        *observation.changes,
        *observation.logs,
        *observation.readings,
        *observation.workloads,
    )
    return {i for part in parts for i in part.evidence}


def test_all_is_cited_by_ids_that_exist_in_the_order_of_the_findings() -> None:
    observation = observe(
        ASKED, Scene(WEB, POD, SHOP), None, Firing(alert("Down", "f1", deployment="web")), NOW, Config()
    )

    ids = [e.id for e in observation.evidence]
    assert ids == [f"e{n}" for n in range(1, len(ids) + 1)]
    assert observation.findings[0].evidence[0] == "e1"
    assert cited(observation) | {e.id for e in observation.evidence if e.tool == "alertmanager"} == set(ids)
    assert all(len(e.excerpt) <= 2000 for e in observation.evidence)
    first = observation.evidence[0]
    assert first.query == "GET /api/v1/namespaces/shop/pods/web-7d7d7-x1"
    assert first.link == "https://scene.invalid:6443/api/v1/namespaces/shop/pods/web-7d7d7-x1"


def test_the_same_cluster_gives_the_same_observation() -> None:
    objects = [WEB, POD, SHOP, *(pod_of(WEB, looping(), name=f"web-7d7d7-y{n}") for n in range(4))]

    once, again = (triage(Scene(*order), "shop", NOW) for order in (objects, objects[::-1]))

    assert once == again


def test_what_may_not_be_read_is_named_and_the_rest_goes_on() -> None:
    refused = {name: Forbidden(name, "forbidden: this account may not list them") for name in ("nodes", "events")}

    observation = seen(WEB, POD, refuse=refused)

    assert [f.condition for f in observation.findings] == ["CrashLoopBackOff", "ReplicasMismatch"]
    assert set(observation.could_not_read) == {f"{n} (forbidden: this account may not list them)" for n in refused}


def test_an_api_that_is_absent_in_every_version_is_named() -> None:
    served = frozenset(
        f"{v}/{r.name}"
        for r in RESOURCES
        for v in r.versions
        if len(r.versions) > 1 and r.name != "horizontalpodautoscalers"
    )

    observation = seen(WEB, POD, served=served)

    assert observation.could_not_read == ("horizontalpodautoscalers (this API server does not serve them)",)


def test_the_newest_served_version_is_asked() -> None:
    scene = Scene(served=frozenset({"batch/v1beta1/cronjobs", "autoscaling/v2beta2/horizontalpodautoscalers"}))

    triage(scene, None, NOW)

    assert "/apis/batch/v1beta1/cronjobs" in scene.paths
    assert "/apis/autoscaling/v2beta2/horizontalpodautoscalers" in scene.paths


def test_a_list_that_hangs_is_left_behind_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "WHOLE_CLUSTER_S", 0.3)
    scene = Scene(WEB, POD, hang=frozenset({"nodes"}))

    started = time.monotonic()
    observation = triage(scene, None, NOW, with_logs=False)
    took_s = time.monotonic() - started
    scene.release.set()

    assert took_s < 2
    assert [f.condition for f in observation.findings] == ["CrashLoopBackOff", "ReplicasMismatch"]
    assert observation.could_not_read == ("nodes (no answer within 0.3 s)",)


def test_a_namespace_that_does_not_exist_is_named() -> None:
    observation = triage(Scene(), "shpo", NOW)

    assert any("shpo" in line and "there is none" in line for line in observation.could_not_read)


@pytest.mark.parametrize(
    "error", [DOWN, ToolError("pods", "the API server failed (503)")], ids=["unreachable", "every read fails"]
)
def test_nothing_that_answers_is_an_error(error: Exception) -> None:
    with pytest.raises(Unreachable):
        triage(Scene(refuse=everything_refused(error)), None, NOW)


def test_an_account_that_may_read_nothing_is_told_what() -> None:
    observation = triage(Scene(refuse=everything_refused(Forbidden("it", "forbidden"))), None, NOW)

    assert observation.findings == ()
    assert observation.could_not_read


def test_alerts_are_observed_while_the_cluster_is_down() -> None:
    dead = Scene(refuse=everything_refused(DOWN))

    observation = observe(ASKED, dead, None, Firing(alert("Down", "f1")), NOW, Config())

    assert [a.name for a in observation.alerts] == ["Down"]
    assert f"the cluster ({str(DOWN).rstrip('.')})" in observation.could_not_read


def test_with_alertmanager_down_too_nothing_answers() -> None:
    with pytest.raises(Unreachable):
        observe(ASKED, Scene(refuse=everything_refused(DOWN)), None, Firing(error=DOWN), NOW, Config())


def test_what_is_not_configured_is_named() -> None:
    observation = observe(ASKED, Scene(WEB, POD, SHOP), None, None, NOW, Config())

    assert {"metrics (no PROMETHEUS_URL)", "firing alerts (no ALERTMANAGER_URL)"} <= set(observation.could_not_read)


def test_the_incidents_own_alerts_come_first_as_they_were_sent() -> None:
    own = alert("Mine", "f3", namespace="other")
    sent = own.model_copy(update={"generator_url": "http://prometheus/graph?g0.expr=up"})
    others = alert("A", "f1"), alert("B", "f2", namespace="shop"), alert("C", "f4", deployment="web")

    observation = observe(ASKED, Scene(WEB, POD, SHOP), None, Firing(*others, own), NOW, Config(), (sent,))

    assert [a.name for a in observation.alerts] == ["Mine", "C", "B", "A"]
    assert observation.alerts[0].generator_url == sent.generator_url


def test_a_healthy_cluster_has_no_finding() -> None:
    web = deployment(ready=1)

    assert seen(web, pod_of(web, running())).findings == ()
