"""One scenario, played with the bot's own processes over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import click

from blocks.approval import APPROVE
from core.diagnosis import Investigation
from core.errors import SreError
from core.incident import Incident
from core.opening import to_show
from core.queues import QUEUES
from core.records import Records
from sandbox.company import Company
from sandbox.scenarios import Scenario
from sandbox.slack import SlackServer
from sandbox.stage import ASKS, CHANNEL, staged

END_S = 120.0
Answer = TypeVar("Answer")
_QUIET_S = 1.5  # nothing new on the queues for so long: everything is posted


async def play(scenario: Scenario, *, speed: float = 1.0) -> bool:
    """Play a scenario and print the channel's transcript; whether it ended as the scenario says.

    Raises: Unreachable when a process does not start.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sre-bot-demo-") as name:
        async with running(Path(name), speed, tenants=scenario.tenants) as (slack, company, records):
            _say(f"{scenario.title}. (Started in {time.monotonic() - began:.1f} s.)")
            if scenario.mode:
                await slack.command(ASKS, CHANNEL, "/sre", f"mode {scenario.mode}")
            fell = time.monotonic()
            if scenario.fault:
                company.inject(scenario.fault)
            if scenario.says:
                command, _, text = scenario.says.partition(" ")
                await slack.command(ASKS, CHANNEL, command, text)
            button = await _until(lambda: _button(slack), END_S) if scenario.clicks else None
            if button:
                for person in scenario.clicks:
                    await slack.click(person, *button)
                    await _posted(records)
            ended = await _until(lambda: _ended(scenario, records), END_S)
            took_s = time.monotonic() - fell
            await _posted(records)
            for channel in slack.workspace.channels.values():
                if slack.messages(channel.id):
                    click.echo(slack.transcript(channel.id))
            right = bool(ended) and not slack.breaches
            _say(_verdict(scenario, ended, took_s, [f"{b}" for b in slack.breaches]))
            return right


@contextlib.asynccontextmanager
async def running(
    folder: Path, speed: float, alerts: bool = True, tenants: int = 0
) -> AsyncIterator[tuple[SlackServer, Company, Records]]:
    """The company, its Slack and the bot's processes, all of which end with the block.

    Args:
        alerts: Whether the company's Alertmanager tells the bot.

    Raises: Unreachable when a process does not start.
    """
    async with staged(folder, speed=speed, alerts=alerts, tenants=tenants) as stage:
        await stage.bot.ready()
        assert stage.company is not None
        yield stage.slack, stage.company, stage.records


def _button(slack: SlackServer) -> tuple[str, str, str] | None:
    """A message that asks for approval, its button and what that carries."""
    for card in slack.messages(CHANNEL):
        for message in slack.thread(card.ts):
            for element in (e for block in message.blocks for e in block.get("elements", ())):
                if element.get("action_id") == APPROVE:
                    return message.ts, APPROVE, element["value"]
    return None


def _ended(scenario: Scenario, records: Records) -> tuple[Incident, Investigation] | None:
    """The incident and its investigation, once one that the scenario speaks of ended as it says."""
    for incident in records.incidents.current(records.now()):
        if incident.service not in scenario.ending.services or not incident.investigation:
            continue
        with contextlib.suppress(SreError):
            done = records.investigations.get(incident.investigation)
            if done.reported and _right(scenario, done) and _is_whole(scenario, incident, records):
                return incident, done
    return None


def _is_whole(scenario: Scenario, incident: Incident, records: Records) -> bool:
    """Whether it holds all that belongs to it."""
    alerts, ending = len(incident.alerts) + incident.truncated_alerts, scenario.ending
    alone = len(records.incidents.open()) == 1 and incident.investigation == "INV-1"
    done = {rem.state for rem in records.remediations.of_incident(incident.id)}
    repaired = incident.state == "resolved" and "worked" in done
    return alerts >= ending.alerts and (alone or not ending.alone) and (repaired or not ending.repaired)


def _right(scenario: Scenario, done: Investigation) -> bool:
    assert done.diagnosis is not None
    cause, ending = done.diagnosis.root_cause, scenario.ending
    if ending.condition is None:
        return cause is None and done.diagnosis.status == "diagnosed"
    sure = done.diagnosis.status == "diagnosed"
    return sure and cause is not None and (cause.condition, cause.target) == (ending.condition, ending.target)


async def _until(ask: Callable[[], Answer | None], within_s: float) -> Answer | None:
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
        undrawn = any(records.redis.exists(to_show(incident.id)) for incident in records.incidents.open())
        if undrawn or any(records.queues.waiting(queue) for queue in QUEUES):
            quiet_since = time.monotonic()
        await asyncio.sleep(0.05)


def _verdict(scenario: Scenario, ended: object, took_s: float, breaches: list[str]) -> str:
    ending = scenario.ending
    wanted = f"{ending.condition} of {ending.target}" if ending.condition else "nothing is wrong"
    wanted += ", repaired and resolved" if ending.repaired else ""
    if breaches:
        return f"The bot broke Slack's rules: {'; '.join(breaches)}."
    if ended:
        return f"It ended as it should ({wanted}), {took_s:.1f} s after it began."
    return f"It did not end as it should ({wanted}) within {END_S:.0f} s."


def _say(line: str) -> None:
    click.echo(f"\n{line}\n")
