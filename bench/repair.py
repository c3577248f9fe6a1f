"""From a click to its first effect at the Kubernetes API, and from an alert to a verified repair of the bot's own.

`python -m bench.repair [RUNS]` plays bad deploys of the sandbox's company with the bot's own processes: RUNS times
Maria clicks Approve (mark: median below 500 ms), then the bot is autonomous (mark: below 30 s; published practice is
2.8 min). A time counts from what the sandbox's servers saw: the click's arrival, the alert's delivery, the patch.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from blocks.approval import APPROVE
from core.incident import Incident
from core.records import Records
from core.remediation import Remediation
from core.settling import resolve
from sandbox.alert_rules import RULES
from sandbox.company import Company
from sandbox.faults import BAD_DEPLOY
from sandbox.play import running
from sandbox.slack import SlackServer
from sandbox.stage import ASKS, CHANNEL

ALERTS = tuple(rule.alert for rule in RULES)
CLICK_S, REPAIR_S, PUBLISHED_S = 0.5, 30.0, 168.0
WITHIN_S = 120.0


async def until(done: Callable[[], object], what: str) -> float:
    """When `done` became true, in monotonic seconds. Raises: TimeoutError."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if done():
            return time.monotonic()
        await asyncio.sleep(0.005)
    raise TimeoutError(f"{what} did not happen within {WITHIN_S:.0f} s")


def today(records: Records) -> tuple[Incident, ...]:
    return records.incidents.since(records.now() - timedelta(days=1))


def newest(records: Records, *states: str) -> Remediation | None:
    """The newest rollback of checkout, if it is in one of these states."""
    found = [
        rem
        for incident in today(records)
        for rem in records.remediations.of_incident(incident.id)
        if rem.service == "checkout" and rem.state in states
    ]
    return max(found, key=lambda rem: rem.created_at, default=None)


def generation(company: Company) -> int:
    deployment = company.world.objects.find("deployments", "shop", "checkout")
    assert deployment is not None
    return int(deployment["metadata"]["generation"])


def approve_button(slack: SlackServer, rem: Remediation) -> str | None:
    """The ts of the message that asks for this one."""
    for card in slack.messages(CHANNEL):
        for message in slack.thread(card.ts):
            if any(e.get("action_id") == APPROVE and e.get("value") == rem.id
                   for block in message.blocks for e in block.get("elements", ())):  # fmt: skip
                return message.ts
    return None


async def by_click(slack: SlackServer, company: Company, records: Records) -> float:
    """Seconds from the click to the changed Deployment."""
    company.inject(BAD_DEPLOY)
    await until(lambda: newest(records, "asked"), "a proposal")
    rem = newest(records, "asked")
    assert rem is not None
    await until(lambda: approve_button(slack, rem), "its button")
    before, began = generation(company), time.monotonic()
    clicking = asyncio.create_task(slack.click(ASKS, str(approve_button(slack, rem)), APPROVE, rem.id))
    effect = await until(lambda: generation(company) > before, "the rollback")
    await clicking
    await until(lambda: records.remediations.get(rem.id).state not in ("approved", "begun", "watching"), "its end")
    state = records.remediations.get(rem.id).state
    if state != "worked":
        raise AssertionError(f"the repair ended as {state}: {records.remediations.get(rem.id).outcome}")
    await rest(company, records)
    return effect - began


async def by_itself(company: Company, records: Records) -> float:
    """Seconds from the alert's arrival to the verified repair."""
    known = {incident.id for incident in today(records)}
    company.inject(BAD_DEPLOY)
    arrived = await until(lambda: any(i.id not in known for i in today(records)), "an incident")

    def proved() -> bool:
        rem = newest(records, "worked")
        return rem is not None and rem.incident not in known and rem.alone

    ended = await until(proved, "a verified repair")
    await rest(company, records)
    return ended - arrived


async def rest(company: Company, records: Records) -> None:
    """Until nothing fires any more; then the incident is closed, and the service may be acted on again."""
    company.heal()
    await until(lambda: not company.alertmanager.firing(), "the alerts' end")
    for incident in records.incidents.open():
        resolve(incident, records, "bench")
    for name in ("cooling:checkout", *(f"tried-alone:checkout:{alert}" for alert in ALERTS)):
        records.switches.clear(name)


async def measure(runs: int) -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder), 1.0) as (slack, company, records):
            clicks = [await by_click(slack, company, records) for _ in range(runs)]
            records.switches.set("mode", "autonomous")
            repairs = [await by_itself(company, records) for _ in range(runs)]
    return clicks, repairs


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    clicks, repairs = asyncio.run(measure(runs))
    click, repair = statistics.median(clicks), statistics.median(repairs)
    print(f"click to first effect: median {click * 1000:.0f} ms, worst {max(clicks) * 1000:.0f} ms of {runs}; "
          f"{click / CLICK_S:.2f} of the {CLICK_S * 1000:.0f} ms allowed")  # fmt: skip
    print(f"alert to verified repair, autonomous: median {repair:.1f} s, worst {max(repairs):.1f} s of {runs}; "
          f"{repair / REPAIR_S:.2f} of the {REPAIR_S:.0f} s allowed, "
          f"{repair / PUBLISHED_S:.2f} of published practice")  # fmt: skip


if __name__ == "__main__":
    main()
