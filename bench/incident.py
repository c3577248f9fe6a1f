"""From an alert's arrival to the first evidence in its thread, and to the diagnosis by the runbook reasoner.

`python -m bench.incident [RUNS]` starts the sandbox's company and the bot's own processes, breaks checkout, and posts
the alert RUNS times as groups of their own. The marks to stay below are 3 s and 5 s; that Slack takes one post a second
a channel is part of both figures.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from core.settling import resolve
from sandbox.faults import BAD_DEPLOY
from sandbox.play import running
from sandbox.slack import SlackServer

EVIDENCE_S, DIAGNOSIS_S = 3.0, 5.0
WITHIN_S = 60.0


def group(number: int) -> dict[str, Any]:
    """One Alertmanager notification about checkout, in a group that was not seen before."""
    now = datetime.now(UTC).isoformat()
    labels = {"alertname": "KubePodCrashLooping", "namespace": "shop", "service": "checkout", "severity": "critical"}
    alert = {
        "status": "firing", "labels": {**labels, "run": str(number)}, "fingerprint": f"{number:016x}",
        "startsAt": now, "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
        "annotations": {"summary": "Pods of checkout are crash looping."},
    }  # fmt: skip
    return {
        "version": "4", "groupKey": f'{{}}:{{run="{number}"}}', "truncatedAlerts": 0, "status": "firing",
        "receiver": "bench", "groupLabels": {"run": str(number)}, "commonLabels": labels, "commonAnnotations": {},
        "externalURL": "http://127.0.0.1", "alerts": [alert],
    }  # fmt: skip


async def measure(runs: int) -> tuple[list[float], list[float]]:
    """Seconds to the evidence, and to the diagnosis, of each run."""
    evidence, diagnosis = [], []
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running(Path(folder), 1.0, alerts=False) as (slack, company, records),
            aiohttp.ClientSession() as http,
        ):
            company.inject(BAD_DEPLOY)
            await asyncio.sleep(8.0)  # until pods crash-loop
            headers = {"Authorization": f"Bearer {company.webhook_token}"}
            url = f"http://127.0.0.1:{records.settings.port}/webhooks/alertmanager"
            for number in range(-1, runs):  # the first warms the memory and is not counted
                for before in records.incidents.open():
                    resolve(before, records, "bench")  # or the next alert about checkout would join it
                seen = len(slack.messages("C0SRE"))
                began = time.monotonic()
                async with http.post(url, json=group(number + 1), headers=headers) as answer:
                    answer.raise_for_status()
                first = await _shown(slack, seen, "What I see", began)
                cause = await _shown(slack, seen, "feedback_right", began)
                if number >= 0:
                    evidence.append(first)
                    diagnosis.append(cause)
                await asyncio.sleep(2.0)
    return evidence, diagnosis


async def _shown(slack: SlackServer, after: int, words: str, began: float) -> float:
    """Seconds until a message with these words stands in the thread of the newest card."""
    while time.monotonic() - began < WITHIN_S:
        cards = slack.messages("C0SRE")[after:]
        if any(words in json.dumps(message.blocks) for card in cards for message in slack.thread(card.ts)):
            return time.monotonic() - began
        await asyncio.sleep(0.01)
    raise TimeoutError(f"{words!r} did not appear within {WITHIN_S:.0f} s")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    evidence, diagnosis = asyncio.run(measure(runs))
    for name, figures, mark in (("first evidence", evidence, EVIDENCE_S), ("diagnosis", diagnosis, DIAGNOSIS_S)):
        median = statistics.median(figures)
        print(f"alert to {name}: median {median:.2f} s, worst {max(figures):.2f} s of {len(figures)}; "
              f"{median / mark:.2f} of the {mark:.0f} s allowed")  # fmt: skip


if __name__ == "__main__":
    main()
