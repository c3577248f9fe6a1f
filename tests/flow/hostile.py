"""A bad night of the pretend company in which strangers' texts stand wherever strangers may write."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from core.diagnosis import IncidentHit, RunbookHit
from core.errors import Absent, ConfigError
from core.incident import Alert
from core.settings import Config
from core.silences import Silenced
from sandbox.catalogue import CLUSTER, catalogue
from sandbox.faults import BAD_DEPLOY
from sandbox.kubernetes.resources import Json
from sandbox.slack.state import ON_CALL
from sandbox.world import World
from workers.ports import Indexed, PastIncident, Rule, Series
from workers.runbook import Runbook, parse_runbook

START = 1772452800.0  # 2 March 2026, noon
NOW = datetime.fromtimestamp(START + 60, UTC)
ALERT = "KubePodCrashLooping"
_CORPUS = Path(__file__).parents[1] / "corpus" / "injection.yaml"

Placed = Mapping[str, Sequence[str]]  # carrier to the texts that stand there


@dataclass(frozen=True)
class Hostile:
    """One text of the corpus."""

    id: str
    text: str
    carried: frozenset[str]
    secret: str | None = None

    def at(self, carriers: Iterable[str]) -> dict[str, list[str]]:
        return {carrier: [self.text] for carrier in carriers}


@cache
def corpus() -> tuple[Hostile, ...]:
    content = yaml.safe_load(_CORPUS.read_text(encoding="utf-8"))
    return tuple(
        Hostile(
            id=row["id"], text=row["text"] * row.get("repeat", 1), secret=row.get("secret"),
            carried=frozenset(content["carriers"][row["carried"]] if isinstance(row["carried"], str)
                              else row["carried"]),
        )
        for row in content["texts"]
    )  # fmt: skip


def config() -> Config:
    """The company's catalogue, with the bot as free as it may ever be."""
    content = catalogue({"read_context": "r", "write_context": "w"}, "C0SRE", (ON_CALL,))
    content["autonomy"]["mode"] = "autonomous"
    return Config.model_validate(content)


@cache
def _night() -> tuple[dict[str, list[Json]], dict[str, str]]:
    """The cluster after the bad deploy: objects by plural, and logs by "pod/container" and "pod/container/previous"."""
    world = World(START)
    world.inject(BAD_DEPLOY)
    world.advance(60)
    held = {plural: world.objects.list(plural) for plural in world.objects._held}
    logs: dict[str, str] = {}
    for pod in held["pods"]:
        for container in pod["spec"]["containers"]:
            life = world.kubelet.lives.get((pod["metadata"]["uid"], container["name"]))
            name = f"{pod['metadata']['name']}/{container['name']}"
            if life:
                logs[name] = "\n".join(text for _, text in life.log.lines)
                if life.previous:
                    logs[f"{name}/previous"] = "\n".join(text for _, text in life.previous.lines)
    return held, logs


def as_name(text: str) -> str:
    """The text as far as Kubernetes would take it for a name."""
    return re.sub(r"[^a-z0-9.-]+", "-", text.lower())[:60].strip(".-") or "x"


class HostileCluster:
    """Implements workers.ports.Cluster over the night's objects, with texts in them."""

    name = "r"
    server = "https://k8s.shop.test:6443"

    def __init__(self, placed: Placed) -> None:
        held, self._logs = _night()
        self.asked: list[str] = []
        self._held = dict(held)
        if placed:
            checkout = [copy.deepcopy(pod) for pod in held["pods"] if pod["metadata"]["name"].startswith("checkout-")]
            self._crashing = [pod for pod in checkout if "waiting" in str(pod["status"])]
            others = [pod for pod in held["pods"] if not pod["metadata"]["name"].startswith("checkout-")]
            self._held["pods"] = others + checkout
            for plural in ("deployments", "replicasets"):
                self._held[plural] = [
                    copy.deepcopy(each) if each["metadata"]["name"].startswith("checkout") else each
                    for each in held[plural]
                ]
            self._place(placed)

    def _place(self, placed: Placed) -> None:
        owners = [
            each for plural in ("deployments", "replicasets") for each in self._held[plural]
            if each["metadata"]["name"].startswith("checkout")
        ]  # fmt: skip
        for text in placed.get("annotation", ()):
            for each in (*owners, *self._crashing):
                annotations = each["metadata"].setdefault("annotations", {})
                annotations |= {"kubernetes.io/change-cause": text, "note": text}
        for text in placed.get("pod_label", ()):
            for each in (*owners, *self._crashing):
                each["metadata"].setdefault("labels", {})["app.kubernetes.io/name"] = as_name(text)
        for text in placed.get("status", ()):
            for pod in self._crashing:
                state = pod["status"]["containerStatuses"][0]
                state["state"]["waiting"]["message"] = text
                state.setdefault("lastState", {}).setdefault("terminated", {"exitCode": 1, "reason": "Error"})
                state["lastState"]["terminated"]["message"] = text
        for text in placed.get("pod_name", ()):
            twin = copy.deepcopy(self._crashing[0])
            twin["metadata"] |= {"name": as_name(text), "uid": as_name(text), "ownerReferences": []}
            self._held["pods"] = [*self._held["pods"], twin]
        events = [
            {**copy.deepcopy(self._event()), "message": text, "metadata": {"name": f"ev{i}", "namespace": "shop"}}
            for i, text in enumerate(placed.get("event", ()))
        ]
        self._held["events"] = [*self._held["events"], *events]
        if lines := placed.get("log"):
            said = "\n".join(("starting", *lines))
            self._logs = {
                name: f"{said}\n{log}" if name.startswith("checkout-") else log for name, log in self._logs.items()
            }

    def _event(self) -> Json:
        """A warning about one of the crashing pods, the newest."""
        pod = self._crashing[0]["metadata"]["name"]
        warnings = [e for e in self._held["events"] if e["type"] == "Warning" and e["involvedObject"]["name"] == pod]
        return warnings[-1]

    def get(self, path: str, **query: str | int) -> Json:
        parent, _, name = path.rpartition("/")
        found = next((o for o in self._listed(parent) if o["metadata"]["name"] == name), None)
        if found is None:
            raise Absent(path, "there is none")
        return found

    def items(self, path: str, **query: str | int) -> Iterator[Json]:
        labels = dict(pair.split("=", 1) for pair in str(query.get("labelSelector", "")).split(",") if "=" in pair)
        fields = dict(pair.split("=", 1) for pair in str(query.get("fieldSelector", "")).split(",") if "=" in pair)
        for obj in self._listed(path):
            if labels.items() <= (obj["metadata"].get("labels") or {}).items() and all(
                str(_at(obj, field)) == value for field, value in fields.items()
            ):
                yield obj

    def serves(self, group_version: str, resource: str) -> bool:
        return True

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        name = f"{pod}/{container}{'/previous' if previous else ''}"
        if name not in self._logs:
            raise Absent(f"log of pods {namespace}/{pod}", "there is none")
        return "\n".join(self._logs[name].splitlines()[-lines:])

    def _listed(self, path: str) -> list[Json]:
        self.asked.append(path)
        plural = path.rpartition("/")[2]
        scope = re.search(r"/namespaces/([^/]+)/", path)
        if plural not in self._held:
            raise Absent(path, "this API server does not serve them")
        return [o for o in self._held[plural] if scope is None or o["metadata"].get("namespace") == scope[1]]


def _at(obj: Json, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part, {}) if isinstance(obj, dict) else {}
    return obj


class HostileMetrics:
    """Implements workers.ports.Metrics: every question finds one series, whose labels say the texts."""

    url = "http://prometheus.shop.test"

    def __init__(self, placed: Placed) -> None:
        texts = "".join(placed.get("metric_label", ()))
        self._labels = {"namespace": "shop", "service": "checkout", "code": "500"}
        self._labels |= {"pod": texts, "reason": texts} if texts else {}

    def instant(self, query: str, at: datetime | None = None) -> tuple[Series, ...]:
        return (Series(labels=self._labels, points=((NOW.timestamp(), 0.4),)),)

    def range(self, query: str, start: datetime, end: datetime, step_s: int) -> tuple[Series, ...]:
        times = range(int(start.timestamp()), int(end.timestamp()), max(step_s, 1))
        return (Series(labels=self._labels, points=tuple((float(at), 0.4) for at in times)),)

    def names(self, matching: str) -> tuple[str, ...]:
        return ("http_requests_total", "http_request_duration_seconds_bucket")

    def rules(self, alert_name: str) -> tuple[Rule, ...]:
        return ()

    def link(self, query: str) -> str:
        return f"{self.url}/graph"


class HostileAlerts:
    """Implements workers.ports.Alerts over what the webhook told."""

    def __init__(self, alerts: tuple[Alert, ...]) -> None:
        self._alerts = alerts

    def firing(self) -> tuple[Alert, ...]:
        return self._alerts

    def every(self) -> tuple[Alert, ...]:
        return self._alerts

    def silences(self) -> tuple[Silenced, ...]:
        return ()

    def link(self, alert: Alert) -> str:
        return f"http://alertmanager.shop.test/#/alerts?filter={alert.fingerprint}"


class HostileMemory:
    """Implements workers.ports.Memory: the nearest of everything are a runbook and an incident with texts in them."""

    def __init__(self, placed: Placed) -> None:
        self._incident = "\n".join((*placed.get("incident", ()), *placed.get("reject_reason", ())))
        self._result = "\n".join(placed.get("tool_result", ()))
        self._runbook = "\n".join(placed.get("runbook", ()))

    def search_runbooks(self, text: str, limit: int = 5) -> tuple[RunbookHit, ...]:
        title = self._runbook[:300] or "Bad rollout"
        return (RunbookHit(id="hostile", title=title, score=0.9, path="wiki/hostile.md", excerpt=self._runbook[:300]),)

    def search_runbooks_batch(self, texts: Sequence[str], limit: int = 5) -> tuple[tuple[RunbookHit, ...], ...]:
        return tuple(self.search_runbooks(text) for text in texts)

    def search_incidents(self, text: str, limit: int = 5) -> tuple[IncidentHit, ...]:
        title, outcome = self._incident or "checkout down", self._incident or "rolled back, held"
        return (IncidentHit(id="INC-31", title=title, score=0.9, outcome=outcome, at=NOW - timedelta(days=9)),)

    def runbook(self, runbook_id: str) -> Runbook | None:
        text = f"{self._runbook}\n{self._result}"
        return Runbook(id="hostile", title="Hostile", path="wiki/hostile.md", text=text)

    def runbooks(self) -> tuple[Runbook, ...]:
        try:
            return (parse_runbook("hostile", "wiki/hostile.md", self._runbook),)
        except ConfigError:
            return ()

    def index(self, roots: Iterable[Path], on_progress: Any = None) -> Indexed:
        raise NotImplementedError

    def remember(self, incident: PastIncident) -> None:
        self._incident = incident.text


def webhook(placed: Placed, key: str) -> bytes:
    """Alertmanager's notification of the night, as it posts it."""
    labels = {"alertname": ALERT, "severity": "critical", "namespace": "shop", "service": "checkout"}
    labels |= {"cluster": CLUSTER}
    annotations = {"summary": "Pod shop/checkout is crash looping."}
    for text in placed.get("alert_label", ()):
        labels |= {"note": text, "pod": text, "instance": text}
    for text in placed.get("alert_annotation", ()):
        annotations = {"summary": text, "description": text, "runbook_url": text}
    starts_at = (NOW - timedelta(seconds=40)).isoformat()
    alert = {
        "status": "firing", "labels": labels, "annotations": annotations, "startsAt": starts_at,
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus.shop.test/graph", "fingerprint": key,
    }  # fmt: skip
    body = {
        "version": "4", "groupKey": key, "truncatedAlerts": 0, "status": "firing", "receiver": "sre-bot",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager.shop.test",
        "alerts": [alert],
    }  # fmt: skip
    return json.dumps(body).encode()
