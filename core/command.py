"""Who leads an incident, what people said of it, and what fixed it."""

from __future__ import annotations

from core.model import Model, Moment

WENT_AWAY, NOT_KNOWN = "it went away by itself", "not known"  # what a fix says when somebody chose so


class StatusUpdate(Model):
    """What a person said of where things stand; the texts are foreign."""

    number: int  # the incident's first is 1
    by: str  # Slack user id
    at: Moment
    known: str
    impact: str = ""
    next_at: Moment | None = None  # when the next one was promised
    reminded: int = 0  # reminders sent since
    reminded_at: Moment | None = None

    @property
    def headline(self) -> str:
        """What the card says of it."""
        return " · ".join(part for part in (self.known, self.impact) if part)


class Fix(Model):
    """What a person said had fixed it."""

    what: str  # in words; foreign unless `action` is set
    action: str | None = None  # id of the remediation that did, or that somebody did by hand
    cause_right: bool | None = None  # whether the cause that was named was right; None: nobody said
    by: str
    at: Moment


class Room(Model):
    """A channel of the incident's own."""

    channel: str
    name: str


class Command(Model):
    """How people run an incident. All ids are Slack's."""

    commander: str | None = None
    since: Moment | None = None
    severity_by: str | None = None  # who set the severity; alerts change it no more
    responders: tuple[str, ...] = ()  # in the order in which they joined
    update: StatusUpdate | None = None  # the last one
    fix: Fix | None = None
    room: Room | None = None
