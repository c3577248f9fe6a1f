"""Who goes next: approvals first, each thread in order, at Slack's pace, whatever fails, dies or comes at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.incident import Incident
from core.outbox import Message, View
from core.posting import post_forgotten
from core.queues import DELIVER
from core.records import Records, open_records
from core.settings import Settings
from core.status import read_status
from sandbox.company import wait_until
from sandbox.slack.server import SlackServer
from sandbox.slack.threaded import SlackThread, run_in_thread
from tests.conftest import NOON
from tests.flow.posting import serve_all, time_passes
from workers import notifier
from workers.adapters.slack import SlackAdapter
from workers.notifier import PACE_S, deliver

SRE, SHOP = "C0SRE", "C0SHOP"
ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def slack() -> Iterator[SlackThread]:
    with run_in_thread() as running:
        yield running


@pytest.fixture
def adapter(slack: SlackThread, settings: Settings) -> SlackAdapter:
    token = SecretStr(slack.server.bot_token)
    return SlackAdapter(settings.model_copy(update={"slack_bot_token": token, "slack_api_url": slack.server.url}))


def wish(records: Records, key: str, channel: str = SRE, text: str = "", **fields: object) -> None:
    said = View(text=text or key, blocks=({"type": "section", "text": {"type": "plain_text", "text": text or key}},))
    records.outbox.put(Message(key=key, channel=channel, view=said).model_copy(update=fields))


def posted(slack: SlackThread, channel: str = SRE) -> list[str]:
    """Every post of a channel and its threads, in the order in which they came."""
    every = [reply for root in slack.messages(channel) for reply in slack.thread(root.ts)]
    return [message.text for message in sorted(every, key=lambda message: message.ts)]


def jobs(records: Records) -> list[tuple[str, list[str]]]:
    queue = records.queues._queue("notify")
    scheduled = [queue.fetch_job(job_id) for job_id in queue.scheduled_job_registry.get_job_ids()]
    return [(job.func_name, list(job.args)) for job in (*queue.jobs, *scheduled) if job]


def test_a_thread_in_which_a_click_is_asked_for_goes_first_in_its_own_order(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    for number in (1, 2, 3):
        wish(records, f"card {number}")
        wish(records, f"cause {number}", under=f"card {number}")
    wish(records, "later", under="card 3")
    wish(records, "approve?", under="card 3", urgent=True)
    serve_all(SRE, records, adapter, slack.server.clock)
    first = ["card 3", "cause 3", "later", "approve?"]
    assert posted(slack) == [*first, "card 1", "cause 1", "card 2", "cause 2"]


def test_what_asks_no_more_goes_in_its_turn(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    wish(records, "one")
    wish(records, "two", urgent=True)
    wish(records, "two", urgent=False)
    serve_all(SRE, records, adapter, slack.server.clock)
    assert posted(slack) == ["one", "two"]


@pytest.mark.parametrize("seed", range(3))
def test_each_thread_is_in_order_and_whole_whatever_fails(
    records: Records, slack: SlackThread, adapter: SlackAdapter, seed: int
) -> None:
    for number in range(4):
        for thread in ("a", "b", "c"):
            under = None if number == 0 else f"{thread}0"
            wish(records, f"{thread}{number}", under=under)
    faults = slack.server._faults["chat.postMessage"]
    for turn in range(12):
        if (turn + seed) % 3 == 0:
            slack.server.lose_next("chat.postMessage")
        elif (turn + seed) % 3 == 1:
            slack.server.fail_next("chat.postMessage", "ratelimited", retry_after_s=3)
        else:
            slack.server.fail_next("chat.postMessage", "internal_error")
    slack.server.clock.advance(60)
    for _ in range(60):
        slack.server.clock.advance(2)
        time_passes(records)
        notifier.serve(SRE, records, adapter)
        if not records.outbox.lanes():
            break
    assert not faults
    assert sorted(posted(slack)) == sorted(f"{thread}{number}" for thread in "abc" for number in range(4))
    for root in slack.messages(SRE):
        assert [m.text for m in slack.thread(root.ts)] == [f"{root.text[0]}{number}" for number in range(4)]
    assert slack.server.breaches == []


def test_what_slack_never_takes_holds_up_no_other(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    class Choosy(SlackAdapter):
        def post(self, message: Message) -> str:
            if message.key == "poison":
                slack.server.fail_next("chat.postMessage", "internal_error")
            return super().post(message)

    choosy = Choosy(adapter_settings(records, slack))
    wish(records, "poison", urgent=True)
    for number in range(3):
        wish(records, f"m{number}")
    for _ in range(10):
        time_passes(records)
        slack.server.clock.advance(2)
        notifier.serve(SRE, records, choosy)
    assert posted(slack) == ["m0", "m1", "m2"]
    assert records.outbox.lanes() == (SRE,)  # it is tried on


def adapter_settings(records: Records, slack: SlackThread) -> Settings:
    token = SecretStr(slack.server.bot_token)
    return records.settings.model_copy(update={"slack_bot_token": token, "slack_api_url": slack.server.url})


def test_a_message_that_slack_refuses_is_set_aside_until_it_reads_otherwise(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    slack.server.fail_next("chat.postMessage", "no_text")
    wish(records, "one")
    wish(records, "two")
    serve_all(SRE, records, adapter, slack.server.clock)
    assert posted(slack) == ["two"]
    wish(records, "one", text="better")
    serve_all(SRE, records, adapter, slack.server.clock)
    assert posted(slack) == ["two", "better"]


def test_while_slack_puts_off_the_lane_has_one_job_and_slack_is_not_asked(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    slack.server.fail_next("chat.postMessage", "ratelimited", retry_after_s=30)
    for number in range(20):
        wish(records, f"m{number % 5}", text=f"{number}")
        deliver(f"m{number % 5}", records, adapter)
    assert posted(slack) == []
    assert jobs(records) == [("workers.jobs.post", [SRE])]
    assert 29_000 < records.redis.pttl(f"sre:pace:{SRE}") <= 30_000
    assert read_status(records).queued["Slack"] == 5
    assert list(read_status(records).unreachable) == ["Slack"]


def test_edits_do_not_wait_for_the_pace_of_posts(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    wish(records, "one")
    deliver("one", records, adapter)
    wish(records, "two")
    wish(records, "one", text="edited")
    records.queues.enqueue("notify", DELIVER, "other")  # something else to do
    deliver("one", records, adapter)
    assert posted(slack) == ["edited"]


def test_a_slow_channel_holds_up_no_other(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    slack.server.fail_next("chat.postMessage", "ratelimited", retry_after_s=30)
    wish(records, "slow")
    deliver("slow", records, adapter)
    wish(records, "quick", channel=SHOP)
    began = time.monotonic()
    deliver("quick", records, adapter)
    assert time.monotonic() - began < 1
    assert posted(slack, SHOP) == ["quick"]


def test_what_was_forgotten_is_taken_up(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    wish(records, "one")  # and whoever wished died before it queued a job
    wish(records, "two", channel=SHOP)
    post_forgotten(records)
    post_forgotten(records)
    assert sorted(jobs(records)) == [("workers.jobs.post", [SHOP]), ("workers.jobs.post", [SRE])]
    for _, (channel,) in jobs(records):
        notifier.take_turn(channel, records, adapter)
    assert (posted(slack), posted(slack, SHOP)) == (["one"], ["two"])
    assert records.outbox.lanes() == ()


def test_a_message_whose_first_is_wished_for_later_waits_for_it(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    wish(records, "part", under="card")
    deliver("part", records, adapter)
    assert posted(slack) == []
    wish(records, "card")
    serve_all(SRE, records, adapter, slack.server.clock)
    assert posted(slack) == ["card", "part"]


def test_what_belongs_to_a_card_that_nobody_needs_is_not_posted(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    wish(records, "card", withdrawn=True)
    wish(records, "part", under="card")
    wish(records, "more", under="card")
    for _ in range(3):
        notifier.serve(SRE, records, adapter)
    assert (posted(slack), records.outbox.lanes()) == ([], ())


def worker(records: Records, slack: SlackThread) -> subprocess.Popen[bytes]:
    env = {
        "PATH": os.environ["PATH"], "HOME": str(records.settings.data_dir), "PYTHONPATH": ROOT,
        "SRE_DATA_DIR": str(records.settings.data_dir), "SLACK_BOT_TOKEN": slack.server.bot_token,
        "SLACK_API_URL": slack.server.url,
    }  # fmt: skip
    command = [sys.executable, "-m", "bot.cli", "worker", "notify"]
    return subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, start_new_session=True)


def test_two_notifiers_keep_pace_and_order_and_post_nothing_twice(
    settings: Settings, records: Records, slack: SlackThread
) -> None:
    live = open_records(settings, records.redis)
    both = [worker(live, slack) for _ in range(2)]
    try:
        wish(live, "warm", channel=SHOP)
        live.queues.enqueue("notify", DELIVER, "warm")
        slack.wait_for(lambda: slack.server.messages(SHOP) or None, timeout_s=30)
        began = time.monotonic()
        for number in range(8):
            for channel in (SRE, SHOP):
                under = f"{channel}0" if number else None
                wish(live, f"{channel}{number}", channel=channel, under=under)
                live.queues.enqueue("notify", DELIVER, f"{channel}{number}")
                live.queues.enqueue("notify", DELIVER, f"{channel}{number}")
        slack.wait_for(
            lambda: sum(len(slack.server.thread(m.ts)) for c in (SRE, SHOP) for m in slack.server.messages(c)) == 17,
            timeout_s=40,
        )
        took_s = time.monotonic() - began
    finally:
        for process in both:
            process.terminate()
        for process in both:
            process.wait(30)
    for channel in (SRE, SHOP):
        root = slack.messages(channel)[-1]
        replies = slack.thread(root.ts)
        assert [m.text for m in replies] == [f"{channel}{number}" for number in range(8)]
        times = [float(m.ts) for m in replies]
        assert min(b - a for a, b in pairwise(times)) > 1.0
    assert took_s < 9 * (PACE_S + 0.4)  # both at once, neither behind the other
    assert slack.server.breaches == []


def test_notifiers_that_are_killed_at_their_work_post_nothing_twice(
    settings: Settings, records: Records, slack: SlackThread
) -> None:
    live = open_records(settings, records.redis)
    for number in range(8):
        wish(live, f"m{number}", under="m0" if number else None)
    running = worker(live, slack)
    try:
        for killed_after in (2, 5):
            post_forgotten(live)  # as the clock does
            slack.wait_for(lambda n=killed_after: len(all_of(slack.server)) >= n or None, timeout_s=60)
            os.killpg(running.pid, signal.SIGKILL)  # with its scheduler
            running.wait()
            running = worker(live, slack)
        wait_until(lambda: post_forgotten(live) or not live.outbox.lanes(), timeout_s=60)
    finally:
        running.terminate()
        running.wait(30)
    assert all_of(slack.server) == [f"m{number}" for number in range(8)]


def all_of(server: SlackServer) -> list[str]:
    return [reply.text for root in server.messages(SRE) for reply in server.thread(root.ts)]


def test_a_card_whose_notifier_is_killed_anywhere_is_posted_once_and_its_thread_is_known(
    settings: Settings, records: Records, slack: SlackThread
) -> None:
    live = open_records(settings, records.redis)
    env = {
        "PATH": os.environ["PATH"], "HOME": str(settings.data_dir), "PYTHONPATH": ROOT,
        "SRE_DATA_DIR": str(settings.data_dir), "SLACK_BOT_TOKEN": slack.server.bot_token,
        "SLACK_API_URL": slack.server.url,
    }  # fmt: skip
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.flow.mortal_operator"], env=env, cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert program.stdin and program.stdout

    def run(key: str, die_at: int | None) -> bool:
        """Whether it died; the lock of whoever died is over by then."""
        live.redis.delete(f"sre:posting:{SRE}")
        time_passes(live)
        slack.server.clock.advance(10)
        assert program.stdin and program.stdout
        program.stdin.write(json.dumps({"job": "deliver", "id": key, "die_at": die_at}) + "\n")
        program.stdin.flush()
        found = json.loads(program.stdout.readline())
        assert not found["failed"]
        return bool(found["died"])

    with program:
        for die_at in range(1, 40):
            live.redis.flushall()
            incident = Incident(id=f"INC-{die_at}", title="t", source="cli", opened_at=NOON, channel=SRE)
            live.incidents.save(incident)
            card = f"{incident.id}/card"
            wish(live, card, incident=incident.id)
            died = run(card, die_at)
            run(card, None)
            run(card, None)
            cards = [m for m in slack.messages(SRE) if m.text == card]
            assert len(cards) == 1, f"boundary {die_at}"
            assert live.incidents.get(incident.id).thread_ts == cards[0].ts, f"boundary {die_at}"
            assert live.outbox.get(card).permalink
            assert live.outbox.lanes() == ()
            if not died:
                assert die_at > 6
                break
        else:
            raise AssertionError("it always died")
        program.stdin.close()
