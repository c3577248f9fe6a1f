"""What Slack gets after it was away for an hour: how many posts, how soon what asks for a click, and at what pace.

`python -m bench.outage [INCIDENTS]` opens so many incidents over an hour in which Slack does not answer, each with a
card, evidence, a cause, a question for a click and three notes; four of five end meanwhile. Then Slack answers, and
`sre-bot worker notify` catches up. The mark is the number of messages that were wished for, posted one by one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from core.incident import Incident
from core.model import utc_now
from core.outbox import Message, View
from core.posting import post_forgotten
from core.records import Records, open_records
from core.redis import release
from core.settings import load_settings
from core.settling import resolve
from sandbox.ports import free_port
from sandbox.slack.threaded import SlackThread, run_in_thread
from workers import notifier
from workers.adapters.slack import SlackAdapter
from workers.loop.report import show_card

ROOT = Path(__file__).parents[1]
CHANNEL, AWAY = "C0SRE", timedelta(hours=1)
PARTS = ("seen", "diagnosis", "asks", "note-1", "note-2", "note-3")
WITHIN_S = 600


def wish(incident: Incident, records: Records) -> None:
    """A card, and all that belongs to its thread."""
    records.incidents.save(incident)
    show_card(incident, records)
    for part in PARTS:
        view = View(text=f"{incident.id} {part}", blocks=())
        key, under = f"{incident.id}/{part}", f"{incident.id}/card"
        records.outbox.put(Message(key=key, channel=CHANNEL, view=view, under=under, urgent=part == "asks"))


def go_away(incidents: int, records: Records, clock: list[datetime], nowhere: SlackAdapter) -> int:
    """An hour in which nothing is answered; how many messages were wished for."""
    step = AWAY / incidents
    for number in range(1, incidents + 1):
        incident = Incident(
            id=f"INC-{number}", title=f"service-{number} answers with 5xx", severity="SEV2", source="cli",
            opened_at=clock[0], channel=CHANNEL,
        )  # fmt: skip
        wish(incident, records)
        clock[0] += step
        if number <= incidents * 4 // 5:
            show_card(resolve(incident, records, "bench"), records)
        _time_passes(records)
        notifier.serve(CHANNEL, records, nowhere)
    return incidents * (1 + len(PARTS))


def _time_passes(records: Records) -> None:
    """The hour passes at once, and with it what was put off."""
    records.redis.delete(f"sre:pace:{CHANNEL}", f"sre:pace-of-edits:{CHANNEL}")


def catch_up(slack: SlackThread, environment: dict[str, str], records: Records) -> list[tuple[float, str]]:
    """Seconds since the notifier began, and text, of every post."""
    _time_passes(records)
    records.redis.delete("rq:queue:notify", f"sre:lane-lease:{CHANNEL}")  # as an hour of work has emptied it
    post_forgotten(records)
    worker = subprocess.Popen(
        [sys.executable, "-m", "bot.cli", "worker", "notify"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + WITHIN_S
        while records.outbox.lanes() and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        worker.terminate()
        worker.wait()
    every = {reply.ts: reply for root in slack.messages(CHANNEL) for reply in slack.thread(root.ts)}
    first = float(min(every))
    return sorted((float(ts) - first, message.text) for ts, message in every.items())


def main() -> None:
    incidents = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder, run_in_thread() as slack:
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": folder, "SRE_DATA_DIR": f"{folder}/data", "SRE_CHANNEL": CHANNEL,
            "SLACK_BOT_TOKEN": slack.server.bot_token, "SLACK_API_URL": slack.server.url,
        }  # fmt: skip
        settings = load_settings(environment)
        clock = [utc_now() - AWAY]
        records = open_records(settings, now=lambda: clock[0])
        try:
            nowhere = settings.model_copy(update={"slack_api_url": f"http://127.0.0.1:{free_port()}/api/"})
            wished = go_away(incidents, records, clock, SlackAdapter(nowhere))
            posts = catch_up(slack, environment, records)
        finally:
            release(settings, records.redis)
        asks = [at for at, text in posts if text.endswith("asks")]
        gaps = [later - earlier for (earlier, _), (later, _) in pairwise(posts)]
        print(
            f"{wished} messages wished for in an hour without Slack: {len(posts)} posts, {len(posts) / wished:.2f} of "
            f"it, in {posts[-1][0]:.0f} s; the {len(asks)} that ask for a click within {max(asks):.0f} s; "
            f"{min(gaps):.2f} s between two at least; Slack's rules broken {len(slack.server.breaches)} times"
        )  # fmt: skip


if __name__ == "__main__":
    main()
