"""A real Alertmanager in front of the webhook: grouping, quiet, silences, and its restart in the middle of a storm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
import yaml
from pydantic import SecretStr

from bot.web import Web
from core.diagnosis import Action
from core.grouping_settings import Grouping
from core.incident import Incident
from core.reconciling import reconcile
from core.records import Records, open_records
from core.settings import Config, Service, Settings
from core.settling import settle
from sandbox.ports import free_port
from tests.live.conftest import absent_so
from tests.live.stack import TOKEN, answers, eventually, process
from workers.actions.base import Means
from workers.actions.silences import SilenceAlert
from workers.adapters.alertmanager import Alertmanager
from workers.adapters.silences import AlertmanagerSilences

pytestmark = pytest.mark.live

CONFIG = Config(
    services={
        "checkout": Service(namespace="shop", depends_on=("payments",)), "payments": Service(namespace="pay"),
        "mail": Service(namespace="mail"),
    },
    grouping=Grouping(quiet_s=2),
)  # fmt: skip


@dataclass
class Scene:
    """Alertmanager, and the web process that it tells."""

    url: str
    records: Records
    folder: Path
    port: int
    running: ExitStack

    def start(self) -> None:
        command = (
            "prometheus-alertmanager", f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        )  # fmt: skip
        self.running.enter_context(process(*command, log=self.folder / "alertmanager.log"))
        eventually(lambda: answers(f"{self.url}/-/ready"), 30, "Alertmanager")

    def restart(self) -> None:
        self.running.close()
        self.start()

    def fire(self, *alerts: dict[str, str], ended: bool = False) -> None:
        """As Prometheus does, which sends what fires again and again."""
        now = datetime.now(UTC)
        ends = now - timedelta(seconds=1) if ended else now + timedelta(minutes=5)
        sent = [{"labels": a, "startsAt": "2026-01-01T00:00:00Z", "endsAt": ends.isoformat()} for a in alerts]
        requests.post(f"{self.url}/api/v2/alerts", json=sent, timeout=10).raise_for_status()

    def opened(self, alerts: int, incidents: int = 1) -> list[Incident]:
        """The open incidents, once they hold so many firing alerts."""

        def there() -> list[Incident] | None:
            held = list(self.records.incidents.open())
            return held if (sum(i.how_many_fire for i in held), len(held)) == (alerts, incidents) else None

        return eventually(there, 30, f"{alerts} alerts in {incidents} incidents")


@pytest.fixture
def scene(tmp_path: Path, redis_data: Path, redis_client: redis.Redis) -> Iterator[Scene]:
    if not shutil.which("prometheus-alertmanager"):
        absent_so("prometheus-alertmanager is not installed: apt-get install prometheus-alertmanager")
    settings = Settings(data_dir=redis_data, config=CONFIG, port=0, channel="C0SRE",
                        alertmanager_webhook_token=SecretStr(TOKEN))  # fmt: skip
    records = open_records(settings, redis_client)
    web = Web(records, host="127.0.0.1")
    web.start()
    hook: dict[str, Any] = {
        "url": f"http://127.0.0.1:{web.port}/webhooks/alertmanager", "send_resolved": True,
        "http_config": {"authorization": {"type": "Bearer", "credentials": TOKEN}},
    }  # fmt: skip
    route = {"receiver": "sre-bot", "group_by": ["namespace", "service", "pod"], "group_wait": "100ms",
             "group_interval": "1s", "repeat_interval": "1h"}  # fmt: skip
    (tmp_path / "alertmanager.yml").write_text(
        yaml.safe_dump({"route": route, "receivers": [{"name": "sre-bot", "webhook_configs": [hook]}]})
    )
    port = free_port()
    with ExitStack() as running:
        found = Scene(f"http://127.0.0.1:{port}", records, tmp_path, port, running)
        found.start()
        yield found
    web.stop()


PAYMENTS = {"alertname": "Down", "namespace": "pay", "service": "payments", "severity": "critical"}
CHECKOUT = {"alertname": "HighErrorRate", "namespace": "shop", "service": "checkout", "severity": "warning"}
MAIL = {"alertname": "QueueFull", "namespace": "mail", "service": "mail", "severity": "warning"}


def test_neighbours_join_and_strangers_do_not(scene: Scene) -> None:
    scene.fire(PAYMENTS)
    scene.opened(1)
    scene.fire(CHECKOUT, MAIL)
    mail, pay = scene.opened(3, incidents=2)
    assert (mail.services, set(pay.services), pay.severity) == (("mail",), {"payments", "checkout"}, "SEV2")
    assert "checkout depends on payments" in [group.why for group in scene.records.book.groups(pay.id)]


def test_what_ends_is_over_after_the_quiet_time_and_not_before(scene: Scene) -> None:
    scene.fire(PAYMENTS)
    scene.opened(1)
    scene.fire(PAYMENTS, ended=True)
    (incident,) = scene.opened(0)
    assert incident.quiet_since

    def over() -> bool:
        settle(scene.records)
        return not scene.records.incidents.open()

    eventually(over, 20, "the end")
    ended = scene.records.incidents.get(incident.id)
    assert ended.resolved_at and ended.resolved_at - incident.quiet_since >= timedelta(seconds=2)
    scene.fire(PAYMENTS)
    assert scene.opened(1)[0].id != incident.id


def test_a_silence_made_by_the_bot_is_in_alertmanager_and_on_the_incident(scene: Scene) -> None:
    scene.fire(PAYMENTS)
    scene.opened(1)
    matchers = [{"name": "service", "value": "payments", "isRegex": False, "isEqual": True}]
    action = Action(
        kind="silence_alert", namespace="pay", name="Down", params={"matchers": matchers, "duration_minutes": 60}
    )
    silences = AlertmanagerSilences(scene.url)
    none: Any = None  # a silence has nothing to do with a cluster
    means = Means(settings=scene.records.settings, cluster=none, writer=none, silences=silences)
    target = SilenceAlert().prepare(action, means)
    SilenceAlert().execute(action, target, "ACT-1", means)
    listed = requests.get(f"{scene.url}/api/v2/silences", timeout=10).json()
    assert [(s["status"]["state"], s["createdBy"], s["matchers"]) for s in listed] == [("active", "sre-bot", matchers)]

    def silenced(number: int) -> bool:
        reconcile(Alertmanager(scene.url).every(), scene.records)
        return scene.records.incidents.open()[0].silenced_alerts == number

    eventually(lambda: silenced(1), 20, "the silence")
    assert scene.records.incidents.open()[0].how_many_fire == 1
    SilenceAlert().undo(action, target, "ACT-1", means)
    eventually(lambda: silenced(0), 20, "the end of the silence")


def test_what_is_silenced_before_it_fires_opens_nothing(scene: Scene) -> None:
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "service", "value": "payments", "isRegex": False}], "createdBy": "li", "comment": "known",
        "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    requests.post(f"{scene.url}/api/v2/silences", json=silence, timeout=10).raise_for_status()
    scene.fire(PAYMENTS)
    scene.fire(MAIL)
    (incident,) = scene.opened(1)
    assert incident.services == ("mail",)


def test_a_restart_in_the_middle_of_a_storm_loses_and_doubles_nothing(scene: Scene) -> None:
    node = {"alertname": "KubeNodeNotReady", "node": "node-3", "severity": "critical"}
    pods = [
        {"alertname": "KubePodNotReady", "namespace": "lab", "pod": f"app{n}-5d4f8c9b7-abcde", "node": "node-3"}
        for n in range(200)
    ]
    scene.fire(node)
    scene.opened(1)
    scene.fire(*pods[:100])
    scene.restart()
    scene.fire(node, *pods)
    (incident,) = scene.opened(201)
    assert incident.investigation == "INV-1"
    assert len(incident.alerts) + incident.truncated_alerts == 201
    assert {group.rule for group in scene.records.book.groups(incident.id)} <= {"", "same_node", "same_service"}


def test_many_at_once_that_nothing_else_connects_are_one_incident(scene: Scene) -> None:
    apps = [{"alertname": "Slow", "namespace": f"team-{n}", "service": f"app{n}"} for n in range(40)]
    scene.fire(*apps)
    (incident,) = scene.opened(40)
    assert {g.rule for g in scene.records.book.groups(incident.id)} <= {"", "storm"}
    scene.fire(*apps, ended=True)
    (quiet,) = scene.opened(0)
    assert quiet.quiet_since
