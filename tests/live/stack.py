"""The whole product as its processes, over real programs: started for a test, stopped and reaped after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sandbox.ports import free_port

HERE = Path(__file__).parent
TOKEN = "live-webhook-token"
T = TypeVar("T")

WAITING = "kube_pod_container_status_waiting_reason"
RULES = {  # name: expression, and how long it must hold
    "KubePodCrashLooping": (f'max by (namespace, pod, container) ({WAITING}{{reason="CrashLoopBackOff"}}) >= 1', "0s"),
    "KubeContainerWaiting": (f'sum by (namespace, pod, container) ({WAITING}{{reason!="CrashLoopBackOff"}}) > 0', "0s"),
    "KubeDeploymentReplicasMismatch": ("kube_deployment_spec_replicas != kube_deployment_status_replicas_ready", "3s"),
}
SAYS = {
    "KubePodCrashLooping": "Pod {{ $labels.namespace }}/{{ $labels.pod }} is crash looping.",
    "KubeContainerWaiting": "Pod {{ $labels.namespace }}/{{ $labels.pod }} has a container that waits.",
    "KubeDeploymentReplicasMismatch": "{{ $labels.namespace }}/{{ $labels.deployment }} has not the replicas it wants.",
}


def _rule(name: str) -> dict[str, Any]:
    expression, held = RULES[name]
    return {
        "alert": name, "expr": expression, "for": held, "labels": {"severity": "warning"},
        "annotations": {"summary": SAYS[name]},
    }  # fmt: skip


def eventually(ask: Callable[[], T | None], within_s: float, what: str) -> T:
    """The first answer that is not None or False, asked until the time is up."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except OSError:
            answer = None
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {within_s:.0f} s")


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=2) as response:
        return bool(response.status == 200)


@contextmanager
def process(*args: str | Path, env: Mapping[str, str] | None = None, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is stopped by SIGTERM at the end, or killed when it does not listen."""
    with log.open("ab") as out:
        child = subprocess.Popen([str(a) for a in args], env=dict(env or os.environ), stdout=out, stderr=out)
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def bot(*args: str) -> list[str]:
    """A command line of sre-bot under this interpreter."""
    return [sys.executable, "-m", "bot.cli", *args]


@contextmanager
def monitoring(kubeconfig: Path, folder: Path, webhook_url: str) -> Iterator[tuple[str, str]]:
    """A real Prometheus and a real Alertmanager over that cluster; yields their addresses."""
    exporter, prometheus, alertmanager = free_port(), free_port(), free_port()
    (folder / "rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "live", "rules": [_rule(name) for name in RULES]}]})
    )
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rules.yml"],
                "scrape_configs": [
                    {"job_name": "kube-state-metrics", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}
                ],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
            }
        )
    )
    (folder / "alertmanager.yml").write_text(
        yaml.safe_dump(
            {
                "route": {
                    "receiver": "sre-bot", "group_by": ["namespace"],
                    "group_wait": "1s", "group_interval": "2s", "repeat_interval": "1h",
                },
                "receivers": [
                    {
                        "name": "sre-bot",
                        "webhook_configs": [
                            {
                                "url": webhook_url, "send_resolved": True,
                                "http_config": {"authorization": {"type": "Bearer", "credentials": TOKEN}},
                            }
                        ],
                    }
                ],
            }
        )
    )  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(
            process(sys.executable, "-m", "tests.live.exporter", kubeconfig, str(exporter), log=folder / "exporter.log")
        )
        stack.enter_context(
            process(
                "prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=", log=folder / "alertmanager.log",
            )
        )  # fmt: skip
        stack.enter_context(
            process(
                "prometheus", f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{prometheus}",
                log=folder / "prometheus.log",
            )
        )  # fmt: skip
        urls = (f"http://127.0.0.1:{prometheus}", f"http://127.0.0.1:{alertmanager}")
        for url in urls:
            eventually(lambda url=url: answers(f"{url}/-/ready"), 30, url)  # type: ignore[misc]
        yield urls
