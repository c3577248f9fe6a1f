"""An incident's side in PagerDuty: what is known of it, who is on call, and what is to be done there."""

from __future__ import annotations

from typing import Literal

from core.model import Model, Moment

Status = Literal["triggered", "acknowledged", "resolved"]
Urgency = Literal["high", "low"]


class Person(Model):
    """Somebody in PagerDuty; all texts are foreign."""

    id: str
    name: str
    email: str | None = None
    slack: str | None = None  # their Slack user id, where the e-mail address tells


class Acknowledgement(Model):
    by: Person
    at: Moment


class Page(Model):
    """One incident of PagerDuty, as it stood at `as_of`; texts are foreign."""

    id: str
    number: int
    title: str
    html_url: str = ""
    service: str = ""  # PagerDuty's id of it
    key: str = ""  # its dedup key
    status: Status
    urgency: Urgency = "high"
    priority: str | None = None  # "P1"
    assigned: tuple[Person, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    as_of: Moment  # nothing older changes it
    unheld_at: Moment | None = None  # when acknowledgements were last taken back
    ended_by_person: bool = False
    merged_into: str = ""  # PagerDuty's id of the incident that holds its alerts since

    @property
    def is_open(self) -> bool:
        return self.status != "resolved"

    @property
    def acknowledged_by(self) -> tuple[Person, ...]:
        return tuple(held.by for held in self.acknowledgements) if self.status == "acknowledged" else ()


class Event(Model):
    """One webhook of PagerDuty."""

    id: str
    type: str  # "incident.acknowledged"
    occurred_at: Moment
    agent: Person | None = None  # the person who did it; None: a monitoring tool, or PagerDuty itself
    page_id: str
    page: Page | None = None  # None when the event says only of which incident it is
    said: str = ""  # the note, the status update, or the message to a responder; masked
    thing: str = ""  # the note's id
    who: Person | None = None  # the responder


Kind = Literal["acknowledge", "resolve", "escalate", "note", "page"]


class Wish(Model):
    """Something that should be so in PagerDuty. The key makes it the same wish: it is made true once."""

    key: str
    kind: Kind
    incident: str
    page: str | None = None  # PagerDuty's id of the incident; None: there is none yet
    by: str | None = None  # the Slack user id of whoever acts; None: the bot
    text: str = ""  # the note, or the message to who is paged
    link: str | None = None  # key of the message that it should link to
    target: str | None = None  # whom to page: a Slack user id, or "policy:P…"; None: whoever is on call
    on_page: str = ""  # PagerDuty's service id, where an incident is to be opened
    response_url: str | None = None
    channel: str | None = None  # where its author is told of a refusal
    thread_ts: str | None = None
    at: Moment
    # From here on the sender writes.
    state: Literal["waiting", "done", "refused"] = "waiting"
    attempted: bool = False  # it may have arrived: look before sending again
    sent_at: Moment | None = None  # when it was first tried
    thing: str = ""  # PagerDuty's id of what came about
    failures: int = 0
    version: int = 0


class Shift(Model):
    """That somebody is on call, until then; None: for good."""

    who: Person
    until: Moment | None = None


class OnCall(Model):
    """Who is called first for a service, and who is next; as read then."""

    service: str  # catalogue name
    now: tuple[Shift, ...] = ()
    then: tuple[Shift, ...] = ()  # those who begin when the first of `now` end; `until` is when they do
    read_at: Moment


class Choice(Model):
    """An escalation policy that can be paged."""

    id: str
    name: str


class Change(Model):
    """One line of a thread on what happened in PagerDuty. `to` and `said` are foreign."""

    id: str
    kind: str  # an event's type without "incident."
    number: int  # of the incident in PagerDuty
    at: Moment
    by: Person | None = None
    to: tuple[Person, ...] = ()
    said: str = ""
