"""The same alerts and silences to the sandbox's Alertmanager and, where it is installed, to the real one."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from aiohttp import web

from sandbox.alertmanager.api import Alertmanager
from sandbox.alertmanager.dispatch import Route
from sandbox.clock import Clock
from sandbox.company import wait_until

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
TOKEN = "let-me-in"
ROUTE = Route(group_by=("alertname", "namespace", "service"), group_wait_s=0.1, group_interval_s=0.3)


@dataclass
class Receiver:
    """A webhook that keeps what it gets; it answers `statuses` in turn, then 200."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    held = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = held.statuses.pop(0) if held.statuses else 200
            if status == 200:
                held.got.append(body)
                held.headers.append(dict(self.headers.items()))
            self.send_response(status)
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
def pretend(receiver: Receiver) -> Iterator[str]:
    """The sandbox's Alertmanager on a thread of its own."""
    loop = asyncio.new_event_loop()
    held = Alertmanager(Clock(), TOKEN, ROUTE)
    held.dispatcher.url = receiver.url
    runner = web.AppRunner(held.app())

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        held.dispatcher.external_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return held.dispatcher.external_url

    url = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield url
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(held.dispatcher.stop())
    loop.run_until_complete(runner.cleanup())
    loop.close()


@pytest.fixture
def real(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if PROGRAM is None:
        pytest.skip("alertmanager is not installed")
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: sre-bot, group_by: [alertname, namespace, service], group_wait: 100ms, "
        "group_interval: 300ms, repeat_interval: 4h}\n"
        f"receivers: [{{name: sre-bot, webhook_configs: [{{url: '{receiver.url}', "
        f"http_config: {{authorization: {{credentials: {TOKEN}}}}}}}]}}]\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            PROGRAM, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
            f"--web.listen-address={address}", "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: _ready(f"http://{address}"), 20)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _ready(url: str) -> bool:
    try:
        return requests.get(url + "/-/ready", timeout=1).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(params=["pretend", "real"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


STARTED = (datetime.now(UTC) - timedelta(minutes=2)).replace(microsecond=0)


def alert(pod: str, ends_at: datetime | None = None, **labels: str) -> dict[str, Any]:
    named = {"alertname": "KubePodCrashLooping", "namespace": "shop", "service": "checkout", "pod": pod, **labels}
    body: dict[str, Any] = {
        "labels": named, "annotations": {"summary": f"{pod} crashes", "runbook_url": "http://wiki/x"},
        "startsAt": STARTED.isoformat(), "generatorURL": "http://prometheus/graph?g0.expr=up&g0.tab=1",
    }  # fmt: skip
    return {**body, "endsAt": ends_at.isoformat()} if ends_at else body


def post(url: str, *alerts: dict[str, Any]) -> None:
    assert requests.post(f"{url}/api/v2/alerts", json=list(alerts), timeout=5).status_code == 200


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_group_is_posted_once_with_everything_in_it(url: str, receiver: Receiver) -> None:
    post(url, alert("checkout-b"), alert("checkout-a"), alert("search-a", service="search"))
    wait_until(lambda: len(receiver.got) == 2)
    got = sorted(receiver.got, key=lambda body: body["groupKey"])
    first = got[0]
    assert [moment(a.pop("startsAt")) for a in first["alerts"]] == [STARTED, STARTED]
    assert first == {
        "receiver": "sre-bot",
        "status": "firing",
        "alerts": [
            {
                "status": "firing",
                "labels": {
                    "alertname": "KubePodCrashLooping", "namespace": "shop", "pod": pod, "service": "checkout",
                },
                "annotations": {"summary": f"{pod} crashes", "runbook_url": "http://wiki/x"},
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus/graph?g0.expr=up&g0.tab=1",
                "fingerprint": fingerprint,
            }
            for pod, fingerprint in (("checkout-a", "4e87d9b8084a9658"), ("checkout-b", "4cda3824c293a6a9"))
        ],
        "groupLabels": {"alertname": "KubePodCrashLooping", "namespace": "shop", "service": "checkout"},
        "commonLabels": {"alertname": "KubePodCrashLooping", "namespace": "shop", "service": "checkout"},
        "commonAnnotations": {"runbook_url": "http://wiki/x"},
        "externalURL": first["externalURL"],
        "version": "4",
        "groupKey": '{}:{alertname="KubePodCrashLooping", namespace="shop", service="checkout"}',
        "truncatedAlerts": 0,
    }  # fmt: skip
    assert got[1]["groupLabels"]["service"] == "search"
    assert {h["Authorization"] for h in receiver.headers} == {f"Bearer {TOKEN}"}
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_labels_that_an_alert_lacks_are_not_in_its_group(url: str, receiver: Receiver) -> None:
    body = alert("x")
    del body["labels"]["service"]
    post(url, body)
    wait_until(lambda: receiver.got)
    assert receiver.got[0]["groupLabels"] == {"alertname": "KubePodCrashLooping", "namespace": "shop"}
    assert receiver.got[0]["groupKey"] == '{}:{alertname="KubePodCrashLooping", namespace="shop"}'


def test_news_of_a_group_is_told_and_its_end_too(url: str, receiver: Receiver) -> None:
    post(url, alert("a"))
    wait_until(lambda: len(receiver.got) == 1)
    post(url, alert("a"), alert("b"))
    wait_until(lambda: len(receiver.got) == 2)
    assert [a["labels"]["pod"] for a in receiver.got[1]["alerts"]] == ["a", "b"]
    ended = datetime.now(UTC).replace(microsecond=0)
    post(url, alert("a", ended))
    wait_until(lambda: len(receiver.got) == 3)
    assert [(a["labels"]["pod"], a["status"]) for a in receiver.got[2]["alerts"]] == [
        ("a", "resolved"),
        ("b", "firing"),
    ]
    assert moment(receiver.got[2]["alerts"][0]["endsAt"]) == ended
    post(url, alert("b", ended))
    wait_until(lambda: len(receiver.got) == 4)
    last = receiver.got[3]
    assert (last["status"], [a["labels"]["pod"] for a in last["alerts"]]) == ("resolved", ["b"])


def test_the_same_again_is_not_told_again(url: str, receiver: Receiver) -> None:
    post(url, alert("a"))
    wait_until(lambda: len(receiver.got) == 1)
    for told in (1, 2, 3):  # of another group, each of which takes as long as this one would
        post(url, alert("a"), alert("b", service="search", severity=str(told)))
        wait_until(lambda told=told: len(receiver.got) > told)
    assert [b["groupLabels"]["service"] for b in receiver.got] == ["checkout", "search", "search", "search"]


def test_a_receiver_that_fails_is_tried_again(url: str, receiver: Receiver) -> None:
    receiver.statuses = [503, 500]
    post(url, alert("a"))
    wait_until(lambda: len(receiver.got) == 1)
    assert receiver.statuses == []


def test_alerts_and_groups_are_listed(url: str) -> None:
    post(url, alert("a"), alert("b", service="search"), alert("gone", datetime.now(UTC)))

    def listed(**query: Any) -> list[Any]:
        return list(requests.get(f"{url}/api/v2/alerts", params=query, timeout=5).json())

    wait_until(lambda: len(listed()) == 2)
    (found,) = listed(filter=['service="checkout"', 'pod=~"a|b"'])
    assert [moment(found.pop(name)) for name in ("startsAt",)] == [STARTED]
    assert moment(found.pop("endsAt")) > datetime.now(UTC)
    assert moment(found.pop("updatedAt")) <= datetime.now(UTC)
    expected = alert("a")
    wait_until(lambda: listed()[0]["status"]["state"] == "active")
    found["status"]["state"] = "active"
    assert found == {
        "labels": expected["labels"], "annotations": expected["annotations"], "generatorURL": expected["generatorURL"],
        "fingerprint": found["fingerprint"], "receivers": [{"name": "sre-bot"}],
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
    }  # fmt: skip
    assert listed(active="false") == []
    assert listed(receiver="nobody") == []
    wait_until(lambda: len(requests.get(f"{url}/api/v2/alerts/groups", timeout=5).json()) == 2)
    groups = requests.get(f"{url}/api/v2/alerts/groups", timeout=5).json()
    assert [g["labels"]["service"] for g in groups] == ["checkout", "search"]
    assert [len(g["alerts"]) for g in groups] == [1, 1]
    assert requests.get(f"{url}/api/v2/alerts", params={"filter": "{"}, timeout=5).status_code == 400


def silence(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "matchers": [{"name": "service", "value": "checkout", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "maria", "comment": "known", **changes,
    }  # fmt: skip


def test_a_silence_mutes_until_it_is_expired(url: str, receiver: Receiver) -> None:
    answer = requests.post(f"{url}/api/v2/silences", json=silence(), timeout=5)
    assert answer.status_code == 200
    silence_id = answer.json()["silenceID"]
    held = requests.get(f"{url}/api/v2/silence/{silence_id}", timeout=5).json()
    assert (held["id"], held["status"], held["createdBy"]) == (silence_id, {"state": "active"}, "maria")
    assert held["matchers"] == silence()["matchers"]
    post(url, alert("a"), alert("b", service="search"))
    wait_until(lambda: receiver.got)
    assert [body["groupLabels"]["service"] for body in receiver.got] == ["search"]

    def states() -> dict[str, tuple[str, list[str]]]:
        found = requests.get(f"{url}/api/v2/alerts", timeout=5).json()
        return {a["labels"]["pod"]: (a["status"]["state"], a["status"]["silencedBy"]) for a in found}

    wait_until(lambda: states() == {"a": ("suppressed", [silence_id]), "b": ("active", [])})
    shown = requests.get(f"{url}/api/v2/alerts", params={"silenced": "false"}, timeout=5).json()
    assert [a["labels"]["pod"] for a in shown] == ["b"]
    assert requests.delete(f"{url}/api/v2/silence/{silence_id}", timeout=5).status_code == 200
    assert requests.get(f"{url}/api/v2/silence/{silence_id}", timeout=5).json()["status"] == {"state": "expired"}
    wait_until(lambda: len(receiver.got) == 2)
    assert receiver.got[1]["groupLabels"]["service"] == "checkout"


@pytest.mark.parametrize(
    "changes",
    [
        {"matchers": []},
        {"matchers": [{"name": "service", "value": "", "isRegex": False}]},
        {"matchers": [{"name": "service", "value": "(", "isRegex": True}]},
        {"endsAt": (datetime.now(UTC) - timedelta(hours=1)).isoformat()},
        {"endsAt": "tomorrow"},
    ],
    ids=["no matcher", "matches everything", "bad regex", "in the past", "no time"],
)
def test_silences_that_make_no_sense_are_refused(url: str, changes: dict[str, Any]) -> None:
    answer = requests.post(f"{url}/api/v2/silences", json=silence(**changes), timeout=5)
    assert answer.status_code in (400, 422)
    assert requests.get(f"{url}/api/v2/silences", timeout=5).json() == []


def test_changing_a_silence_keeps_its_id_and_other_matchers_make_a_new_one(url: str) -> None:
    first = requests.post(f"{url}/api/v2/silences", json=silence(), timeout=5).json()["silenceID"]
    later = silence(id=first, comment="longer", endsAt=(datetime.now(UTC) + timedelta(hours=3)).isoformat())
    assert requests.post(f"{url}/api/v2/silences", json=later, timeout=5).json()["silenceID"] == first
    other = silence(id=first, matchers=[{"name": "service", "value": "search", "isRegex": False}])
    second = requests.post(f"{url}/api/v2/silences", json=other, timeout=5).json()["silenceID"]
    found = {s["id"]: s["status"]["state"] for s in requests.get(f"{url}/api/v2/silences", timeout=5).json()}
    assert found == {first: "expired", second: "active"}
    unknown = silence(id="4b1f5f5e-0000-4000-8000-000000000000")
    assert requests.post(f"{url}/api/v2/silences", json=unknown, timeout=5).status_code == 404


def test_status_and_what_is_not_there(url: str) -> None:
    status = requests.get(f"{url}/api/v2/status", timeout=5).json()
    assert {"cluster", "config", "uptime", "versionInfo"} <= set(status)
    assert "group_by" in status["config"]["original"]
    missing = f"{url}/api/v2/silence/4b1f5f5e-0000-4000-8000-000000000000"
    assert requests.get(missing, timeout=5).status_code == 404
    assert requests.post(f"{url}/api/v2/alerts", json=[{"labels": {}}], timeout=5).status_code == 400
