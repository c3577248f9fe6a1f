"""The whole product on a real control plane, Prometheus and Alertmanager: a rule fires, and the thread names the cause.

The processes are those of the Procfile; only Slack is the sandbox's.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.parts import as_text
from sandbox.ports import free_port
from sandbox.slack import App, SlackServer, SlackThread, run_in_thread
from tests.live.lab import Lab, workload
from tests.live.stack import TOKEN, answers, bot, eventually, monitoring, process

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
SETTLE_S = 60.0


@dataclass(frozen=True)
class Live:
    """The running product."""

    slack: SlackThread
    env: dict[str, str]

    def status(self) -> list[dict[str, Any]]:
        done = subprocess.run(bot("status", "--json"), env=self.env, capture_output=True, check=True, text=True)
        return list(json.loads(done.stdout)["incidents"])

    def incident_of(self, namespace: str) -> dict[str, Any]:
        """The incident about this namespace, once it was diagnosed and shown."""

        def shown() -> dict[str, Any] | None:
            for incident in self.status():
                if namespace in incident["title"] or self._names(incident, namespace):
                    thread = self.slack.thread(incident["thread_ts"]) if incident["thread_ts"] else []
                    if any("feedback_right" in json.dumps(message.blocks) for message in thread):
                        return incident
            return None

        return eventually(shown, SETTLE_S, f"a diagnosed incident of {namespace}")

    def _names(self, incident: dict[str, Any], namespace: str) -> bool:
        card = next((m for m in self.slack.messages("C0SRE") if m.ts == incident["thread_ts"]), None)
        return bool(card and namespace in json.dumps(card.blocks))

    def diagnosis(self, incident: dict[str, Any]) -> str:
        """What the thread's diagnosis shows."""
        thread = self.slack.thread(incident["thread_ts"])
        found = next(m for m in reversed(thread) if "feedback_right" in json.dumps(m.blocks))
        return as_text([*found.blocks])


@pytest.fixture(scope="module")
def live(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    port = free_port()
    manifest = yaml.safe_load((ROOT / "manifest.yaml").read_text())
    with ExitStack() as stack:
        slack = stack.enter_context(run_in_thread(SlackServer(app=App.from_manifest(manifest))))
        webhook = f"http://127.0.0.1:{port}/webhooks/alertmanager"
        prometheus, alertmanager = stack.enter_context(monitoring(kubeconfig, folder, webhook))
        env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "SRE_DATA_DIR": str(folder / "data"), "PORT": str(port),
            "KUBECONFIG": str(kubeconfig), "PROMETHEUS_URL": prometheus, "ALERTMANAGER_URL": alertmanager,
            "ALERTMANAGER_WEBHOOK_TOKEN": TOKEN, "SLACK_API_URL": slack.server.url, "SRE_CHANNEL": "C0SRE",
            "SLACK_BOT_TOKEN": slack.server.bot_token, "SLACK_APP_TOKEN": slack.server.app_token,
        }  # fmt: skip
        for name, args in (
            ("web", ("web",)), ("investigator", ("worker", "investigate")), ("notifier", ("worker", "notify")),
        ):  # fmt: skip
            stack.enter_context(process(*bot(*args), env=env, log=folder / f"{name}.log"))
        eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60, "the web process")
        yield Live(slack, env)
        for name in ("web", "investigator", "notifier"):
            assert "Traceback" not in (folder / f"{name}.log").read_text(), (folder / f"{name}.log").read_text()
        # A machine that stalls bunches what was paced; the notifier then waits as Slack says.
        assert [b for b in slack.server.breaches if b.rule != "ratelimited"] == []


PANIC = 'panic: parse CART_URL: invalid port ":80a"'
BROKEN = {  # what the thread's diagnosis must name of each, beside its target
    "checkout": (workload("checkout", "crash", replicas=2, env={"LAB_LOG": PANIC}), "CrashLoopBackOff"),
    "search": (workload("search", "oom", memory="64Mi"), "OOMKilled"),
    "catalog": (workload("catalog", "imagepull"), "ImagePullBackOff"),
    "payments": (workload("payments", "config"), "CreateContainerConfigError"),
    "batch": (workload("batch", nodeSelector={"disk": "tape"}), "Unschedulable"),
}


@pytest.fixture(scope="module")
def namespaces(live: Live, lab: Lab) -> Iterator[dict[str, str]]:
    """Every broken deployment at once, each in a namespace of its own, and a healthy one."""
    with ExitStack() as stack:
        made = {name: stack.enter_context(lab.namespace(f"live-{name}")) for name in (*BROKEN, "storefront")}
        for name, (broken, _) in BROKEN.items():
            lab.apply(made[name], broken)
        lab.apply(made["storefront"], workload("storefront", replicas=2))
        yield made


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_fires_and_the_thread_names_cause_and_target(live: Live, namespaces: dict[str, str], name: str) -> None:
    shown = live.diagnosis(live.incident_of(namespaces[name]))
    assert "Cause: " in shown
    assert f"Deployment/{name}" in shown
    assert BROKEN[name][1] in shown


def test_a_healthy_deployment_under_suspicion_is_called_healthy(live: Live, namespaces: dict[str, str]) -> None:
    live.slack.command("U0MARIA", "C0SRE", "/sre", f"explain deployment/storefront in {namespaces['storefront']}")
    found = live.slack.wait_for(
        lambda: next(
            (
                as_text([*message.blocks])
                for root in live.slack.server.messages("C0SRE")
                for message in live.slack.server.thread(root.ts)
                if "storefront looks healthy" in as_text([*message.blocks])
            ),
            None,
        ),
        timeout_s=SETTLE_S,
    )
    assert "confidence" in found


def test_the_command_line_says_the_same(live: Live, namespaces: dict[str, str]) -> None:
    done = subprocess.run(
        bot("investigate", "checkout crashes", "-n", namespaces["checkout"], "--json"),
        env=live.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["root_cause"]["target"] == "Deployment/checkout"
    assert answer["root_cause"]["condition"] == "CrashLoopBackOff"
    assert answer["status"] == "diagnosed"


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"KUBECONFIG": "/nowhere/kubeconfig"}, 2, "/nowhere/kubeconfig"),
        ({"SRE_KUBE_READ_CONTEXT": "moon"}, 2, "moon"),
        ({"PROMETHEUS_URL": "http://127.0.0.1:9"}, 0, ""),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    live: Live, namespaces: dict[str, str], change: dict[str, str], status: int, says: str
) -> None:
    done = subprocess.run(
        bot("investigate", "storefront", "-n", namespaces["storefront"], "--json"),
        env={**live.env, **change},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == (1 if status else 0)
    if not status:
        assert any("Prometheus" in unread for unread in json.loads(done.stdout)["could_not_read"])
