"""What a digest says, before it is a message: what changed, what broke, what got noisy, what to watch."""

from __future__ import annotations

from typing import Literal

from core.change_events import ChangeEvent, Gap
from core.incident import Severity
from core.model import Model, Moment

QUIET = 10  # alerts at most, that all went by themselves: nothing to look at


class RuleTimes(Model):
    """What Prometheus says of an alert's rule. Texts are foreign."""

    for_s: float = 0
    keep_firing_for_s: float = 0
    group: str = ""
    file: str = ""


class RuleChange(Model):
    """A change of one alert's rule that its own firings ask for. Figures are of the time that is known of it."""

    id: str
    alert: str
    kind: Literal["for", "keep_firing_for", "lower", "remove"]
    seconds: int = 0  # the new value; what is added to it where `rule` is None
    rule: RuleTimes | None = None  # None: Prometheus did not tell
    firings: int  # that ended
    removed: int  # of these it would not have shown, or shown as one with the one before
    within_s: float = 0.0  # the removed ones were over, or back, so soon
    acted: int  # on so many of `firings` somebody acted; none of them is removed
    later_s: int = 0  # these, and all others that are left, come so much later, or end so much later
    days: int  # of which so much is known

    @property
    def shown(self) -> int:
        return self.firings - self.removed


class Noisy(Model):
    """One alert that fired in the time, by its name."""

    alert: str
    severity: Severity
    services: tuple[tuple[str, int], ...]  # the most first, with how often
    firings: int
    noise: int  # of these ended by themselves, while nobody acted on their incident
    within_s: float = 0.0  # nine in ten of the noise were over so soon
    back_soon: int = 0  # came within a quarter of an hour of their own end
    usual: float | None = None  # in so much time, by the weeks before; None: not known yet
    known_days: int = 0
    known_firings: int = 0
    known_acted: int = 0
    change: RuleChange | None = None


class Deploy(Model):
    """One change that was rolled out, and what came after it."""

    event: ChangeEvent
    alerts: tuple[tuple[str, int], ...] = ()  # by name, with how often
    incidents: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()  # "rolled checkout back to revision 17"
    reverted: ChangeEvent | None = None

    @property
    def is_quiet(self) -> bool:
        return not (self.alerts or self.incidents or self.actions or self.reverted)


class Done(Model):
    """Something that was done about an incident."""

    what: str  # "rolled checkout back to revision 17"; foreign
    by: str = ""  # the Slack user id of who approved or did it
    approved: bool = False  # the bot did it, that person approved it
    alone: bool = False  # the bot, within its limits
    held: bool | None = None  # None: nobody knows, or it was not watched


class Broke(Model):
    """One incident. Texts are foreign."""

    id: str
    title: str
    severity: Severity
    service: str
    began_at: Moment
    ended_at: Moment | None = None  # None: it is open still
    cause: str = ""
    done: tuple[Done, ...] = ()
    alerts: int = 0
    commander: str = ""  # Slack user id


class Woken(Model):
    """That somebody was paged in the night."""

    incident: str
    at: Moment
    who: tuple[str, ...] = ()  # names, foreign


class Watch(Model):
    """Something that may matter in the hours to come."""

    text: str  # "certificate of api.shop ends in 9 days"; foreign
    at: Moment | None = None  # on the day itself: the time that ends the sentence


class Bar(Model):
    """One stretch of time, and how many alerts of each service began in it."""

    start: Moment
    counts: dict[str, int] = {}


class Digest(Model):
    """All that one digest says."""

    start: Moment
    end: Moment
    timezone: str = "UTC"
    services: tuple[str, ...] | None = None  # None: all
    on_call: tuple[str, ...] = ()  # Slack ids of who is greeted
    known_since: Moment | None = None  # when less than the whole time is known
    deploys: tuple[Deploy, ...] = ()  # oldest first
    other_changes: dict[str, int] = {}  # by kind
    broke: tuple[Broke, ...] = ()  # the worst first
    alerts: int = 0
    noise: int = 0
    firing: int = 0  # of the alerts, that fire still
    noisy: tuple[Noisy, ...] = ()  # the most noise first
    woken: tuple[Woken, ...] | None = None  # None: who was paged is not known here
    unusual: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()  # all of it, what such findings were worth, and what is watched
    watch: tuple[Watch, ...] = ()
    gaps: tuple[Gap, ...] = ()
    bars: tuple[Bar, ...] = ()

    @property
    def is_quiet(self) -> bool:
        """Whether one line says it all."""
        loud = any(not deploy.is_quiet for deploy in self.deploys) or self.alerts > QUIET
        asks = any(noisy.change for noisy in self.noisy)
        return not (self.broke or self.firing or self.woken or loud or asks or self.watch or self.unusual)

    @property
    def changes_of_rules(self) -> tuple[RuleChange, ...]:
        """Of the noisiest alert first."""
        return tuple(noisy.change for noisy in self.noisy if noisy.change)
