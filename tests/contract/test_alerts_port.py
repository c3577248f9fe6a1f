"""The Alerts port over a real Alertmanager, where one is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from workers.adapters.alertmanager import Alertmanager

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if PROGRAM is None:
        pytest.skip("alertmanager is not installed")
    folder: Path = tmp_path_factory.mktemp("alerts-port")
    (folder / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
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
        deadline = time.monotonic() + 20
        while not _ready(address):
            assert process.poll() is None and time.monotonic() < deadline
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _ready(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/-/ready", timeout=1).ok
    except requests.ConnectionError:
        return False


def _post(url: str, path: str, body: object) -> None:
    assert requests.post(f"{url}/api/v2/{path}", json=body, timeout=5).ok


def test_firing_alerts_are_read_and_silenced_or_ended_ones_are_not(url: str) -> None:
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    alerts = [
        {
            "labels": {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": 'a"b'},
            "annotations": {"summary": "checkout restarts"},
            "startsAt": started.isoformat(),
            "generatorURL": "http://prometheus/graph",
        },
        {"labels": {"alertname": "Muted"}, "startsAt": started.isoformat()},
        {"labels": {"alertname": "Ended"}, "startsAt": started.isoformat(), "endsAt": started.isoformat()},
    ]
    _post(url, "alerts", alerts)
    matcher = {"name": "alertname", "value": "Muted", "isRegex": False, "isEqual": True}
    until = datetime.now(UTC) + timedelta(hours=1)
    silence = {"startsAt": started.isoformat(), "endsAt": until.isoformat(), "createdBy": "t", "comment": "t"}
    _post(url, "silences", {"matchers": [matcher], **silence})
    adapter = Alertmanager(url)

    deadline = time.monotonic() + 10
    while len(found := adapter.firing()) != 1:
        assert time.monotonic() < deadline, found

    (silenced,) = adapter.silences()
    assert (silenced.of, silenced.by, silenced.why) == ("Muted", "t", "t")
    assert abs(silenced.ends_at - until) < timedelta(seconds=1)

    (alert,) = found
    ours = {"fingerprint", "received", "changes", "first_at", "last_at", "group", "listed", "silenced"}
    assert {k: v for k, v in alert.model_dump().items() if k not in ours} == {
        "name": "KubePodCrashLooping",
        "status": "firing",
        "labels": {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": 'a"b'},
        "annotations": {"summary": "checkout restarts"},
        "starts_at": started,
        "ends_at": None,
        "generator_url": "http://prometheus/graph",
    }
    assert len(alert.fingerprint) == 16
    link = urlsplit(adapter.link(alert))
    query = parse_qs(urlsplit(link.fragment).query)
    assert query == {"filter": ['{alertname="KubePodCrashLooping",namespace="shop",pod="a\\"b"}']}
