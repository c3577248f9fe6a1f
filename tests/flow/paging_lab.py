"""A bot between a pretend Slack and a pretend PagerDuty, whose clock begins at noon; jobs run when they are told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import requests
from pydantic import SecretStr
from rq import Queue
from rq.serializers import JSONSerializer

from blocks.parts import as_text
from core.incident import Incident
from core.outbox import Message
from core.records import Records
from core.settings import Approvers, Channels, Config, Service
from sandbox.clock import Clock
from sandbox.company import wait_until
from sandbox.pagerduty.server import PagerDuty, running
from sandbox.slack.state import ON_CALL
from tests.conftest import NOON
from tests.contract.pagerduty_lab import post_event
from tests.flow.conftest import Face, Starter
from workers import jobs
from workers.adapters.pagerduty import PagerDutyAdapter
from workers.adapters.slack import SlackAdapter
from workers.world import Outside, World, use

OURS = {"take_event", "tell_pagerduty", "note_message", "show_incident", "read_on_call"}
KEY = '{}:{alertname="HighErrors"}'  # of tests.unit.core.test_intake
Json = dict[str, Any]


def _linked(card: Message) -> Message:
    return card.model_copy(update={"permalink": "https://shop.slack.test/archives/C0SHOP/p1"})


def no_outside() -> Outside:
    raise AssertionError("nothing of this looks at a cluster")


@dataclass
class Night:
    """Everything, and what has to be done by hand."""

    face: Face
    pagerduty: PagerDuty
    records: Records  # whose clock `later` moves
    sent: list[Json]  # events that PagerDuty has for the bot

    @property
    def world(self) -> World:
        slack = SlackAdapter(self.records.settings)
        settings = self.records.settings
        return World(self.records, no_outside, slack,
                     pagerduty=PagerDutyAdapter(settings) if settings.pagerduty_api_key else None)  # fmt: skip

    def later(self, **span: float) -> None:
        """Let time pass, here and in PagerDuty."""
        now = self.records.now() + timedelta(**span)
        self.records = replace(self.records, now=lambda: now)
        self.pagerduty.clock.advance(timedelta(**span).total_seconds())

    def work(self, deliver: bool = False) -> None:
        """Run what waits, until nothing does."""
        use(self.world)
        queue = Queue("notify", connection=self.records.redis, serializer=JSONSerializer)
        while held := [job for job in queue.jobs if self._name(job) in OURS | ({"deliver"} if deliver else set())]:
            queue.remove(held[0])
            getattr(jobs, self._name(held[0]))(*held[0].args)
            held[0].delete()

    def _name(self, job: Any) -> str:
        return str(job.func_name).rpartition(".")[2]

    def heard(self, number: int) -> None:
        """Wait until so many webhooks were taken by the web process, and let them take effect."""
        wait_until(lambda: sum(d.taken for d in self.pagerduty.webhooks.deliveries) >= number)
        self.work()

    def hear_all(self) -> None:
        """All webhooks of what happened so far."""
        hooks = self.pagerduty.webhooks
        wait_until(lambda: sum(d.taken for d in hooks.deliveries) == len(self.sent))
        self.work()

    def retry(self) -> None:
        """What was put off is due."""
        self.records.switches.clear("pagerduty.away")
        use(self.world)
        for wish in self.records.pages.waiting():
            jobs.tell_pagerduty(wish.key)

    @property
    def incident(self) -> Incident:
        (found,) = self.records.incidents.since(NOON - timedelta(days=1))
        return found

    def thread(self) -> str:
        """The lines about PagerDuty in the thread, as they should read."""
        lines = []
        part = {f"{self.incident.id}/pagerduty-{int(c.at.timestamp()) // 600}": None for c in self.changes()}
        for message in self.records.outbox.find_many(part):
            lines += [as_text(block) for block in message.view.blocks]
        return "\n".join(lines)

    def changes(self) -> Any:
        return self.records.pages.changes(self.incident.id)

    def card(self) -> str:
        self.records.redis.delete(f"sre:shown:{self.incident.id}")
        use(self.world)
        jobs.show_incident(self.incident.id)
        message = self.records.outbox.get(f"{self.incident.id}/card")
        return "\n".join(as_text(block) for block in message.view.blocks)

    def posted(self) -> str:
        """Bring the card to Slack as it stands; its ts."""
        records, channel = self.records, str(self.incident.channel)
        self.card()
        records.outbox.update(f"{self.incident.id}/card", _linked)  # its menu comes with the link
        self.card()
        card = records.outbox.get(f"{self.incident.id}/card")
        said = {
            "channel": channel, "text": card.view.text, "blocks": list(card.view.blocks),
            "metadata": {"event_type": "sre_bot_message", "event_payload": {"key": card.key}},
        }  # fmt: skip
        ts = self._post(said)
        records.outbox.update(card.key, lambda m: m.model_copy(update={"ts": ts}))
        records.incidents.bind_thread(channel, ts, self.incident.id)
        records.incidents.update(self.incident.id, lambda i: i.model_copy(update={"thread_ts": ts}))
        return ts

    def _post(self, said: Json) -> str:
        server = self.face.slack.server
        headers = {"Authorization": f"Bearer {server.bot_token}"}
        answer = requests.post(f"{server.url}chat.postMessage", json=said, headers=headers, timeout=5).json()
        assert answer["ok"], answer
        return str(answer["ts"])

    def modal(self) -> Any:
        """The form that was opened last."""
        views = self.face.slack.server.workspace.views
        self.face.slack.wait_for(lambda: len(views) > 0)
        return list(views.values())[-1]

    def told(self, user: str) -> str:
        """The newest word that only this person sees."""
        return str(self.face.slack.wait_for(lambda: self.face.slack.server.ephemerals(user))[-1].text)

    def page(self) -> Json:
        """PagerDuty's only incident."""
        (found,) = self.pagerduty.incidents()
        return found

    def webhook(self, body: bytes, signature: str) -> requests.Response:
        headers = {"X-PagerDuty-Signature": signature}
        return requests.post(f"{self.face.url}/webhooks/pagerduty", data=body, headers=headers, timeout=10)

    def again(self, number: int) -> requests.Response:
        """The webhook with this number, brought once more as it was."""
        held = self.pagerduty.webhooks.deliveries[number]
        return self.webhook(held.body, held.headers["X-PagerDuty-Signature"])

    def from_alertmanager(self, group: Json) -> None:
        """What Alertmanager tells PagerDuty of a group that it tells the bot too."""
        from sandbox.alertmanager.pager import Pager

        event = Pager(self.pagerduty.events_url, self.pagerduty.account.service("checkout").routing_key).event(
            {"receiver": "pager", **group}
        )
        before = len(self.pagerduty.incidents())
        assert post_event(self.pagerduty, event).status_code == 202
        if event["event_action"] == "trigger":
            wait_until(lambda: len(self.pagerduty.incidents()) > before)


@contextmanager
def night(start: Starter, mode: str = "http", **over: Any) -> Iterator[Night]:
    clock = Clock()
    clock.advance(NOON.timestamp() - clock.now())
    with running(PagerDuty(clock)) as pagerduty:
        environment = pagerduty.environment()
        config = Config(
            services={
                "checkout": Service(namespace="shop", workloads=("Deployment/checkout",), channel="C0SHOP",
                                    pagerduty=pagerduty.account.service("checkout").id),
                "payments": Service(namespace="shop", pagerduty=pagerduty.account.service("payments").id),
            },
            channels=Channels(fallback="C0SRE"),
            approvers=over.pop("approvers", Approvers(groups=(ON_CALL,))),
        )  # fmt: skip
        values = {
            "config": config, "pagerduty_api_key": SecretStr(environment["PAGERDUTY_API_KEY"]),
            "pagerduty_api_url": environment["PAGERDUTY_API_URL"], "pagerduty_from": environment["PAGERDUTY_FROM"],
            "pagerduty_webhook_secret": SecretStr(environment["PAGERDUTY_WEBHOOK_SECRET"]),
        }  # fmt: skip
        face = start(mode, **(values | over))
        pagerduty.webhook_url = f"{face.url}/webhooks/pagerduty"
        sent: list[Json] = []
        put = pagerduty.webhooks._put

        def counted(event: Json) -> None:
            sent.append(event)
            put(event)

        pagerduty.webhooks._put = counted  # type: ignore[method-assign]
        yield Night(face, pagerduty, face.records, sent)


def both(first: Callable[[], Any], second: Callable[[], Any]) -> None:
    """At the same moment."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(first), pool.submit(second)]:
            done.result()
