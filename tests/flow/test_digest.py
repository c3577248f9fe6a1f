"""The morning digest from the stores to Slack: due once, whole, also when its maker dies; and on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from blocks.digest import POST_DIGEST, SHOW_RULE
from blocks.parts import as_text
from core.digest_times import set_digest_time
from core.outbox import Message
from core.records import Records, open_records
from core.settings import Channels, Config, Service
from tests.flow import digest_lab as lab
from tests.flow.conftest import Face, Starter
from workers import jobs
from workers.adapters.slack import SlackAdapter
from workers.digest.send import send_due
from workers.notifier import serve
from workers.ports import Rule
from workers.world import Outside, World, use

SERVICES = {
    "checkout": Service(namespace="shop", channel="C0SHOP"), "search": Service(namespace="shop"),
    "batch": Service(namespace="shop"),
}  # fmt: skip
CONFIG = Config(services=SERVICES, channels=Channels(fallback="C0SRE", digests={"C0SRE": lab.BERLIN}))
DAY = timedelta(days=1)


class Prometheus:
    """Implements what digests ask of workers.ports.Metrics."""

    url = "http://prometheus.test"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def rules(self, alert: str) -> tuple[Rule, ...]:
        self.asked.append(alert)
        return (Rule("up == 0", {}, for_s=300, group="batch", file="/etc/rules/batch.yaml"),)


class Killed(BaseException):
    """The process is killed here."""


@pytest.fixture
def face(start: Starter) -> Iterator[Face]:
    started = start("socket", config=CONFIG, pagerduty_api_key="key")
    yield started
    assert started.slack.server.breaches == []


def world_at(face: Face, now: datetime, metrics: Any = None) -> World:
    """A worker's world whose clock stands."""
    records = open_records(face.records.settings, face.records.redis, now=lambda: now)
    outside = Outside(settings=records.settings, cluster=no, metrics=lambda _: metrics, alerts=None, memory=no,
                      reasoner=no)  # type: ignore[arg-type]  # fmt: skip
    return World(records=records, open_outside=lambda: outside, slack=SlackAdapter(records.settings))


def no(*_: Any) -> Any:
    raise AssertionError("nothing of this looks there")


def deliver_all(world: World) -> None:
    """Do what waits for the notifier, until nothing does."""
    assert world.slack is not None
    records, end = world.records, monotonic() + 15
    while channels := list(records.outbox.lanes()):
        for channel in channels:
            records.redis.delete("rq:queue:notify")  # its jobs would do the same
            serve(channel, records, world.slack)
        assert monotonic() < end, channels
    records.redis.delete("rq:queue:notify")


def fill(records: Records) -> None:
    lab.noise(records)
    lab.night(records)
    lab.morning(records)


def said(message: Any) -> list[str]:
    return "\n".join(as_text(b) for b in message.blocks if b["type"] != "image").split("\n")


MORNING = [
    "Good morning U0MARIA. Since yesterday 09:00: 7 deploys, 2 incidents (11 and 34 min), 33 alerts, of which 31 "
    "noise. Nobody was woken.",
    "Changed checkout 1.8.3 → 1.8.4 (02:11) → INC-42, back to 1.8.3 (02:17) · search 9.2.0 → 9.2.1 (17:00), quiet "
    "since · 5 others in the thread",
    "Broke INC-42 checkout: Release 1.8.4: CART_URL has no valid port; rolled checkout back to revision 17, approved "
    "by U0MARIA, it held (11 min) · INC-41 node-3 is not ready; U0LI says: drained the node by hand (34 min)",
    "Noisy KubeCPUThrottling on batch: 31 firings, all gone by themselves, most within 6 min, usual are 5, nobody "
    "acted on any in 4 weeks. for: 10m (now 5m) would have shown 29 of 166.",
    "Watch a silence on DiskFull, node-3 ends today 14:00 · certificate of api.shop ends in 9 days",
    "Show rule change",
]


def test_the_digest_of_a_bad_night_is_one_message_with_its_thread_and_picture(face: Face) -> None:
    fill(face.records)
    prometheus = Prometheus()
    world = world_at(face, lab.NINE, prometheus)
    send_due(world)
    deliver_all(world)
    (message,) = face.slack.messages("C0SRE")
    assert said(message) == MORNING
    assert message.text == MORNING[0].removeprefix("Good morning U0MARIA. ")
    image = message.blocks[-1]
    assert image["alt_text"] == (
        "Bar chart of 33 alerts since yesterday 09:00, by service: batch 31, no service 1, "
        "checkout 1. Most began at Wed 10:00: 2. 7 deploys marked, 1 of them followed by trouble."
    )
    (_, thread) = face.slack.thread(message.ts)
    lines = said(thread)
    assert lines[:3] == [
        "Every deploy", "• checkout 1.8.3 → 1.8.4 (02:11) → INC-42, back to 1.8.3 (02:17)",
        "• search 9.2.0 → 9.2.1 (17:00), quiet since",
    ]  # fmt: skip
    assert any(line.startswith("Noise: a firing that ended by itself") for line in lines)
    assert prometheus.asked == ["KubeCPUThrottling"]  # the others fired too seldom for a rule to be judged


def test_two_schedulers_and_a_second_look_send_one(face: Face) -> None:
    fill(face.records)
    for seconds in (0, 0, 30, 3600):
        world = world_at(face, lab.NINE + timedelta(seconds=seconds))
        send_due(world)
        deliver_all(world)
    assert len(face.slack.messages("C0SRE")) == 1


def test_another_who_looks_meanwhile_leaves_it_alone(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(face.records)
    from workers.digest import send

    real, made = send.make, []

    def make(*args: Any) -> Any:
        made.append(args)
        if len(made) == 1:
            send_due(world_at(face, lab.NINE))  # the other scheduler's job, in the middle of ours
        return real(*args)

    monkeypatch.setattr(send, "make", make)
    send_due(world_at(face, lab.NINE))
    assert len(made) == 1


@pytest.mark.parametrize("dies_at", ["make", "put", "thread"])
def test_a_digest_whose_maker_died_is_taken_up_and_sent_once(
    face: Face, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    fill(face.records)
    from workers.digest import send

    real: Callable[..., Any] = getattr(send, "make" if dies_at == "make" else "put")

    def dies(first: Any, *rest: Any) -> Any:
        if dies_at == "thread" and isinstance(first, Message) and not first.key.endswith("/thread"):
            return real(first, *rest)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(send, real.__name__, dies)
        with pytest.raises(Killed):
            send_due(world_at(face, lab.NINE))
    world = world_at(face, lab.NINE + timedelta(minutes=1))
    send_due(world)  # the lease of the dead one holds still
    face.records.redis.delete("sre:digest-taken:C0SRE/2026-11-26")
    send_due(world)
    deliver_all(world)
    (message,) = face.slack.messages("C0SRE")
    assert said(message)[0] == MORNING[0]  # what it covers was settled by the first
    assert len(face.slack.thread(message.ts)) == 2


def test_slack_s_rate_limit_delays_it_and_doubles_nothing(face: Face) -> None:
    fill(face.records)
    world = world_at(face, lab.NINE)
    send_due(world)
    face.slack.server.fail_next("chat.postMessage", "ratelimited", times=1, retry_after_s=1)
    deliver_all(world)
    (message,) = face.slack.messages("C0SRE")
    assert len(face.slack.thread(message.ts)) == 2


def test_a_missed_morning_is_told_with_the_next(face: Face) -> None:
    fill(face.records)
    send_due(world_at(face, lab.NINE - DAY))
    send_due(world_at(face, lab.NINE + timedelta(hours=13)))  # back at ten in the evening
    assert face.records.outbox.find("digest/C0SRE/2026-11-26") is None
    world = world_at(face, lab.NINE + DAY)
    send_due(world)
    message = face.records.outbox.get("digest/C0SRE/2026-11-27")
    assert "Since Wednesday 09:00: 7 deploys, 2 incidents" in message.view.text


def test_a_quiet_day_is_one_line(face: Face) -> None:
    set_digest_time(replace(face.records, now=lambda: lab.NINE - 9 * DAY), "C0SHOP", lab.BERLIN)
    face.records.redis.set("sre:digest-known-since", (lab.NINE - 9 * DAY).isoformat())
    face.records.changes.note(lab.deploy("checkout", lab.NINE - timedelta(hours=5), "1.8.3", "1.8.4"))
    face.records.changes.note(lab.deploy("search", lab.NINE - timedelta(hours=5), "9.2.0", "9.2.1"))
    face.records.firings.note(lab.firing("Slow", "checkout", lab.NINE - timedelta(hours=n), 60) for n in (7, 8, 9))
    world = world_at(face, lab.NINE)
    send_due(world)
    deliver_all(world)
    (message,) = face.slack.messages("C0SHOP")
    assert said(message) == [
        "Good morning. Quiet since yesterday 09:00 on checkout: 1 deploy, no incidents, 3 alerts, all gone by "
        "themselves."
    ]
    assert face.slack.thread(message.ts) == [message]
    (everything,) = face.slack.messages("C0SRE")
    assert "Quiet since yesterday 09:00: 2 deploys" in everything.text


# On demand


def ask(face: Face, words: str = "", user: str = "jonas") -> str:
    return str((face.slack.command(user, "#sre", "/sre", f"digest {words}".strip()).body or {})["text"])


def work(face: Face, now: datetime) -> World:
    """Do what waits on the investigators' queue, at that time."""
    from rq import Queue
    from rq.serializers import JSONSerializer

    world = world_at(face, now)
    use(world)
    for job in Queue("investigate", connection=face.records.redis, serializer=JSONSerializer).jobs:
        job.delete()
        getattr(jobs, job.func_name.rpartition(".")[2])(*job.args)
    deliver_all(world)
    return world


@pytest.fixture
def morning(start: Starter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Face]:
    """A face whose clock stands at nine of that Thursday."""
    monkeypatch.setattr("tests.flow.conftest.NOON", lab.NINE)
    started = start("socket", config=CONFIG, pagerduty_api_key="key")
    fill(started.records)
    yield started
    assert started.slack.server.breaches == []


def test_it_is_told_to_whoever_asks_and_posted_once(morning: Face) -> None:
    assert ask(morning) == "I am putting it together; it comes here, to you alone."
    work(morning, lab.NINE)
    *_, told = morning.slack.server.ephemerals("jonas")
    assert said(told)[0] == MORNING[0].removeprefix("Good morning U0MARIA. ")
    assert morning.slack.messages("C0SRE") == []
    (post,) = [e for b in told.blocks for e in b.get("elements", ()) if e.get("action_id") == POST_DIGEST]
    for _ in range(2):
        morning.slack.click("jonas", told.ts, POST_DIGEST, post["value"])
    work(morning, lab.NINE + timedelta(hours=2))
    morning.records.redis.delete(f"sre:seen:digest-post:{post['value']}:U0JONAS")
    morning.slack.click("jonas", told.ts, POST_DIGEST, post["value"])
    work(morning, lab.NINE + timedelta(hours=3))
    (message,) = morning.slack.messages("C0SRE")
    assert said(message)[0] == said(told)[0]  # hours later it still covers what was read
    assert [b["type"] for b in message.blocks][-1] == "image"
    assert len(morning.slack.thread(message.ts)) == 2
    words = [m.text for m in morning.slack.server.ephemerals("jonas")]
    assert words[-3:] == [
        "I am posting it already.", "Posted; its chart and its thread come with it.", "It is posted already.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("since when", "Say since when as 24h, 7d, mon, yesterday or 2026-11-27."),
        ("2026-13-01", "There is no day 2026-13-01."),
        ("2027-01-01", "That is not past yet; say since when as 24h, 7d, mon or 2026-11-27."),
        ("90d", "A digest goes back at most 31 days; say 7d, or a day since then."),
    ],
)
def test_a_time_that_is_none_is_one_sentence(morning: Face, words: str, answer: str) -> None:
    assert ask(morning, words) == answer
    assert morning.jobs() == []


def test_the_rule_change_opens_in_a_modal(morning: Face) -> None:
    world = world_at(morning, lab.NINE, Prometheus())
    send_due(world)
    deliver_all(world)
    (message,) = morning.slack.messages("C0SRE")
    (button,) = [e for b in message.blocks for e in b.get("elements", ()) if e.get("action_id") == f"{SHOW_RULE}:0"]
    morning.slack.click("jonas", message.ts, f"{SHOW_RULE}:0", button["value"])
    view = morning.slack.wait_for(lambda: next(iter(morning.slack.server.workspace.views.values()), None))
    assert "\n".join(as_text(block) for block in view.blocks).split("\n") == [
        "KubeCPUThrottling",
        "for: 10m (now 5m) would have shown 29 of 166 in 4 weeks.",
        "166 firings in 4 weeks: 137 of them ended within 5 min, and nobody acted on those.",
        " - alert: KubeCPUThrottling", "   # expr and all else as it is", "-  for: 5m", "+  for: 10m",
        "Nobody acted on any of them. The price: what is still shown comes 5 min later.",
        "Prometheus reads it from group batch in /etc/rules/batch.yaml",
    ]  # fmt: skip
