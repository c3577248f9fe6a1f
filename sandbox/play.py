"""One scenario, played with the bot's own processes over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import click
import yaml

from core.diagnosis import Investigation
from core.errors import SreError, Unreachable
from core.incident import Incident
from core.records import Records, open_records
from core.redis import release
from core.settings import load_settings
from sandbox.alertmanager.dispatch import Route
from sandbox.company import Company
from sandbox.ports import free_port
from sandbox.scenarios import Scenario
from sandbox.slack import App, SlackServer
from workers.memory import stop_memory

CHANNEL, ASKS = "C0SRE", "U0MARIA"
PROCESSES = (("web",), ("worker", "investigate"), ("worker", "notify"), ("cron",))
START_S, END_S = 120.0, 90.0
_QUIET_S = 1.5  # nothing new on the queues for so long: everything is posted
_MANIFEST = Path(__file__).parents[1] / "manifest.yaml"


async def play(scenario: Scenario, *, speed: float = 1.0, stay: bool = False) -> bool:
    """Play a scenario and print the channel's transcript; whether it ended as the scenario says.

    Args:
        stay: Go on running afterwards, until interrupted.

    Raises: Unreachable when a process does not start.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sre-bot-demo-") as name:
        async with running(Path(name), speed) as (slack, company, records):
            _say(f"{scenario.title}. (Started in {time.monotonic() - began:.1f} s.)")
            fell = time.monotonic()
            if scenario.fault:
                company.inject(scenario.fault)
            if scenario.says:
                command, _, text = scenario.says.partition(" ")
                await slack.command(ASKS, CHANNEL, command, text)
            ended = await _until(lambda: _ended(scenario, records), END_S)
            took_s = time.monotonic() - fell
            await _posted(records)
            for channel in slack.workspace.channels.values():
                if slack.messages(channel.id):
                    click.echo(slack.transcript(channel.id))
            right = bool(ended) and not slack.breaches
            _say(_verdict(scenario, ended, took_s, [f"{b}" for b in slack.breaches]))
            if stay:
                _say(f"The company goes on running (KUBECONFIG={company.kubeconfig}); Ctrl-C ends it.")
                await asyncio.Event().wait()
            return right


@contextlib.asynccontextmanager
async def running(
    folder: Path, speed: float, alerts: bool = True
) -> AsyncIterator[tuple[SlackServer, Company, Records]]:
    """The company, its Slack and the bot's processes, all of which end with the block.

    Args:
        alerts: Whether the company's Alertmanager tells the bot.

    Raises: Unreachable when a process does not start.
    """
    port = free_port()
    app = App.from_manifest(yaml.safe_load(_MANIFEST.read_text("utf-8"))) if _MANIFEST.exists() else App()
    slack = SlackServer(app=app)
    company = Company(
        folder,
        speed=speed,
        webhook_url=f"http://127.0.0.1:{port}/webhooks/alertmanager" if alerts else None,
        channel=CHANNEL,
        route=Route(group_by=("namespace", "service")),  # one incident a service
    )
    await slack.start()
    await company.start()
    environment = {
        **{name: value for name, value in os.environ.items() if name in _KEPT},
        **company.environment(),
        "SLACK_API_URL": slack.url, "SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token,
        "SRE_CHANNEL": CHANNEL, "SRE_DATA_DIR": str(folder / "data"), "PORT": str(port),
    }  # fmt: skip
    settings = load_settings(environment)
    records = await asyncio.to_thread(open_records, settings)
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for args in PROCESSES:
            name = " ".join(args)
            with (folder / f"{name}.log").open("wb") as log:
                command = [sys.executable, "-m", "bot.cli", *args]
                children[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: ASYNC220
        if not await _until(lambda: _ready(children, records, folder), START_S) or not await _serves(port):
            raise Unreachable(f"The bot's processes did not start within {START_S:.0f} s.")
        yield slack, company, records
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(child.wait, 10)
            child.kill()
        await asyncio.to_thread(stop_memory, settings)
        await asyncio.to_thread(release, settings, records.redis)
        await company.stop()
        await slack.stop()


# Of the caller's environment: what finds programs and homes, and Claude where there is a key.
_KEPT = frozenset({
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY",
    "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "SRE_MODEL", "SRE_EMBEDDING_DIR",
})  # fmt: skip


def _ready(children: dict[str, subprocess.Popen[bytes]], records: Records, folder: Path) -> bool:
    for name, child in children.items():
        if child.poll() is not None:
            raise Unreachable(f"The bot's process {name!r} ended at once: {_last_words(folder / f'{name}.log')}")
    return int(records.redis.scard("rq:workers")) >= 2


async def _serves(port: int) -> bool:
    async with aiohttp.ClientSession() as http:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return True
            await asyncio.sleep(0.05)
    return False


def _ended(scenario: Scenario, records: Records) -> tuple[Incident, Investigation] | None:
    """The incident and its investigation, once one that the scenario speaks of ended as it says."""
    for incident in records.incidents.open():
        if incident.service not in scenario.ending.services or not incident.investigation:
            continue
        with contextlib.suppress(SreError):
            done = records.investigations.get(incident.investigation)
            if done.reported and _right(scenario, done):
                return incident, done
    return None


def _right(scenario: Scenario, done: Investigation) -> bool:
    assert done.diagnosis is not None
    cause, ending = done.diagnosis.root_cause, scenario.ending
    if ending.condition is None:
        return cause is None and done.diagnosis.status == "diagnosed"
    sure = done.diagnosis.status == "diagnosed"
    return sure and cause is not None and (cause.condition, cause.target) == (ending.condition, ending.target)


async def _until(ask: Callable[[], object], within_s: float) -> object:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := await asyncio.to_thread(ask):
            return answer
        await asyncio.sleep(0.05)
    return None


async def _posted(records: Records) -> None:
    """Wait until the queues have been empty for a while."""
    quiet_since = time.monotonic()
    deadline = quiet_since + END_S
    while time.monotonic() < min(quiet_since + _QUIET_S, deadline):
        if records.queues.waiting("notify") or records.queues.waiting("investigate"):
            quiet_since = time.monotonic()
        await asyncio.sleep(0.05)


def _verdict(scenario: Scenario, ended: object, took_s: float, breaches: list[str]) -> str:
    ending = scenario.ending
    wanted = f"{ending.condition} of {ending.target}" if ending.condition else "nothing is wrong"
    if breaches:
        return f"The bot broke Slack's rules: {'; '.join(breaches)}."
    if ended:
        return f"It ended as it should ({wanted}), {took_s:.1f} s after it began."
    return f"It did not end as it should ({wanted}) within {END_S:.0f} s."


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    return lines[-1][:500] if lines else "it said nothing."


def _say(line: str) -> None:
    click.echo(f"\n{line}\n")
