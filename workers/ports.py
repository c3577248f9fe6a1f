"""What workers need of the outside, in our own words; each has one adapter that speaks the vendor's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from core.diagnosis import Case, Draft, IncidentHit, RunbookHit
from core.incident import Alert
from core.model import Model, Moment
from core.outbox import Message, Task, View
from core.page import Choice, OnCall, Page, Person
from core.silences import Silenced
from workers.runbook import Runbook


class Cluster(Protocol):
    """Read-only access to one Kubernetes API. Answers are the API's own JSON. Secrets are refused here already.

    Every method raises ToolError (forbidden, absent, timed out, malformed), or Unreachable when nothing answers.
    """

    name: str  # the kube context
    server: str  # "https://10.0.0.1:6443", for links

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """One object or one page: `get("/api/v1/namespaces/shop/pods/checkout-1")`."""
        ...

    def items(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """Every object of a list, read in pages of 500."""
        ...

    def serves(self, group_version: str, resource: str) -> bool:
        """Whether the API has it: `serves("batch/v1", "cronjobs")`. Discovery is read once."""
        ...

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """The last lines of one container's log, oldest first, not yet masked."""
        ...


class Watch(Protocol):
    """What changes, as it happens: the API's own events, `{"type": "MODIFIED", "object": {…}}`. BOOKMARK ones carry
    only a resourceVersion. Ends when the server ends it, or when it is closed.

    Iterating raises Expired when the server no longer has what came after `since`, else as `Cluster`'s methods do.
    """

    def __iter__(self) -> Iterator[dict[str, Any]]: ...
    def close(self) -> None:
        """End it, from any thread; whoever iterates comes back within a moment. Safe to repeat."""
        ...


class Watched(Cluster, Protocol):
    """A cluster that can be followed."""

    def watch(self, path: str, *, since: str, timeout_s: int, begun: Callable[[], object]) -> Watch:
        """Follow a list from the resourceVersion `since` on, for at most `timeout_s` seconds. `begun` is called once
        the server has agreed to it, which on a quiet list may be long before the first event."""
        ...


class Writer(Protocol):
    """Write access to one Kubernetes API; only the operator holds one.

    Every method answers with the API's own JSON, and raises Conflict for 409, Refused for another 4xx (`code` is
    Kubernetes' reason, such as "Forbidden" or "NotFound") and for what the action catalogue does not write, Transient
    for 429 and for 503 with Retry-After, Unreachable when no connection came about, and Unclear when the answer was
    lost (a time-out, a broken connection, another 5xx). A dry run whose answer was lost is Transient: it changes
    nothing, so nothing is unclear.
    """

    def patch(self, path: str, body: object, *, json_patch: bool = False, dry_run: bool = False) -> dict[str, Any]:
        """A merge patch, or a JSON patch with its `test` operations. A `resourceVersion` in it is a precondition."""
        ...

    def create(self, path: str, body: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Also for subresources, such as a pod's eviction."""
        ...

    def delete(self, path: str, *, uid: str, dry_run: bool = False) -> dict[str, Any]:
        """Delete the object, and what it owns, only if it still is the one with this uid."""
        ...


@dataclass(frozen=True)
class Series:
    """One time series: its labels, and (unix seconds, value) pairs, oldest first."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Rule:
    """One alerting rule as Prometheus runs it."""

    expression: str
    labels: dict[str, str]  # that it gives its alerts; values may be templates
    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    group: str = ""
    file: str = ""


class Metrics(Protocol):
    """Prometheus' query API. Raises ToolError, or Unreachable when nothing answers."""

    url: str

    def instant(self, query: str, at: datetime | None = None) -> tuple[Series, ...]: ...
    def range(self, query: str, start: datetime, end: datetime, step_s: int) -> tuple[Series, ...]: ...
    def names(self, matching: str) -> tuple[str, ...]:
        """Metric names that match a regular expression."""
        ...

    def rules(self, alert_name: str) -> tuple[Rule, ...]:
        """The alerting rules of that name."""
        ...

    def link(self, query: str) -> str:
        """Where a person sees the graph."""
        ...


class Alerts(Protocol):
    """Alertmanager's API v2, read only. Raises ToolError, or Unreachable when nothing answers."""

    def firing(self) -> tuple[Alert, ...]: ...
    def every(self) -> tuple[Alert, ...]:
        """Also those that are silenced, and say so."""
        ...

    def silences(self) -> tuple[Silenced, ...]:
        """Those that are on."""
        ...

    def link(self, alert: Alert) -> str: ...


class Silences(Protocol):
    """Alertmanager's silences; only the operator holds this. Writes raise as `Writer`'s do, reads ToolError and
    Unreachable."""

    def create(self, body: dict[str, Any]) -> str:
        """The new silence's id. `body` is Alertmanager's postableSilence."""
        ...

    def list(self) -> tuple[dict[str, Any], ...]:
        """All that Alertmanager still has, ended ones too, as its gettableSilence."""
        ...

    def expire(self, silence_id: str) -> None: ...


class Release(Model):
    """One revision of a Helm release."""

    revision: int
    status: str  # "deployed", "superseded", "failed", "pending-upgrade"
    chart: str  # "checkout-1.8.4"
    app_version: str = ""
    description: str = ""


class Releases(Protocol):
    """Helm's releases of one cluster; only the operator holds this."""

    def history(self, namespace: str, name: str) -> tuple[Release, ...]:
        """Its last revisions, oldest first. Raises ToolError (Absent, Forbidden)."""
        ...

    def rollback(self, namespace: str, name: str, revision: int, *, dry_run: bool = False) -> None:
        """Raises Refused for a dry run that fails, Unclear for anything else that does not end well: Helm may stop
        half way."""
        ...


class PastIncident(Model):
    """What is remembered of an ended incident."""

    id: str
    title: str
    text: str  # symptoms and cause, for the search
    outcome: str  # "rolled back, held"
    at: Moment


class Indexed(Model):
    """What indexing did, in documents."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0  # written now
    problems: tuple[str, ...] = ()  # one sentence each: files that could not be read, or not wholly


class Memory(Protocol):
    """Runbooks and past incidents, searched by meaning and by words. Scores are cosine similarities."""

    def search_runbooks(self, text: str, limit: int = 5) -> tuple[RunbookHit, ...]: ...
    def search_runbooks_batch(self, texts: Sequence[str], limit: int = 5) -> tuple[tuple[RunbookHit, ...], ...]: ...
    def search_incidents(self, text: str, limit: int = 5) -> tuple[IncidentHit, ...]: ...
    def runbook(self, runbook_id: str) -> Runbook | None: ...
    def runbooks(self) -> tuple[Runbook, ...]:
        """All of them, whole; front matter parsed."""
        ...

    def index(
        self, roots: Iterable[Path], on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Indexed:
        """Bring the runbooks below these files and folders up to date: new and changed ones by content, and those
        that are gone from these roots removed. `on_progress(done, total)` counts documents."""
        ...

    def remember(self, incident: PastIncident) -> None:
        """Safe to repeat: the same id replaces."""
        ...


@dataclass(frozen=True)
class Said:
    """A message that somebody wrote in Slack."""

    text: str  # Slack's markup
    user: str  # "" for a bot without one
    thread_ts: str
    key: str = ""  # of our outbox, when it is ours


class Spoken(Model):
    """What a person said in a thread."""

    user: str
    ts: str
    text: str  # Slack's markup; foreign

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(float(self.ts), UTC)


class Slack(Protocol):
    """What the notifier needs of Slack. Raises Transient (with Slack's own delay), Unclear when a post may or may not
    have happened, and Refused with Slack's error code."""

    def post(self, message: Message) -> str:
        """The new message's ts."""
        ...

    def edit(self, message: Message) -> None: ...
    def find_posted(self, message: Message) -> str | None:
        """The ts of the message with this key, if an earlier try did arrive."""
        ...

    def permalink(self, channel: str, ts: str) -> str: ...
    def start_stream(self, message: Message) -> str: ...
    def append_stream(self, message: Message, tasks: Sequence[Task]) -> None: ...
    def stop_stream(self, message: Message, tasks: Sequence[Task]) -> None: ...
    def groups_of(self, user: str, among: Sequence[str]) -> tuple[str, ...]:
        """Which of these user groups the person is in, as Slack says now (needs `usergroups:read`)."""
        ...

    def upload(self, png: bytes, name: str, alt_text: str) -> str:
        """A picture's file id, for an image block; it is shared by the message that shows it (needs `files:write`)."""
        ...

    def respond(self, response_url: str, view: View, thread_ts: str | None = None) -> None:
        """Answer a command or click where only its author sees it."""
        ...

    def whisper(self, channel: str, user: str, view: View, thread_ts: str | None = None) -> None:
        """Say something that only one person sees."""
        ...

    def email_of(self, user: str) -> str | None:
        """A person's address (needs `users:read.email`); None when they have none that we may see."""
        ...

    def user_by_email(self, email: str) -> str | None:
        """The person with that address (needs `users:read.email`)."""
        ...

    def publish_home(self, user: str, view: Mapping[str, Any], over: str) -> str:
        """Show a Home tab in place of the one with the hash `over`, "" for whatever is there; the new one's hash.
        Raises Conflict when another is there."""
        ...

    def said(self, channel: str, ts: str) -> Said | None:
        """What a message says; None when it is gone."""
        ...

    def thread(self, channel: str, ts: str, most: int) -> tuple[tuple[Spoken, ...], bool]:
        """What people said in a thread, oldest first, at most so many; whether that is all. No bot's messages.
        Needs `channels:history`, or `groups:history` in a private channel."""
        ...

    def name_of(self, user: str) -> str | None:
        """What somebody is called (needs `users:read`)."""
        ...

    def create_canvas(self, title: str, markdown: str) -> str:
        """A new canvas, which nobody sees yet; its id (needs `canvases:write`)."""
        ...

    def share_canvas(self, canvas: str, channel: str) -> str:
        """Let everybody in a channel read and edit a canvas; its address (needs `canvases:write`)."""
        ...

    def share_file(self, name: str, title: str, content: str, channel: str, thread_ts: str) -> str:
        """Put a text file into a thread; its address, "" when Slack gives none (needs `files:write`)."""
        ...


class Note(Model):
    """A note on an incident of PagerDuty."""

    id: str
    text: str
    author: str  # PagerDuty's id of the person
    at: Moment


class LogLine(Model):
    """What somebody did to an incident of PagerDuty."""

    kind: str  # "escalate", "responder_request"
    agent: str
    at: Moment


class PagedAlert(Model):
    """What monitoring told PagerDuty; all of it foreign."""

    summary: str
    severity: str = ""
    details: dict[str, str] = {}
    client_url: str = ""
    source: str = ""
    is_open: bool = True


class PagerDuty(Protocol):
    """PagerDuty's REST API v2 and its Events API v2. `by` is the e-mail address of the person who acts.

    Every method raises Transient when it is not reachable, puts it off or its answer was lost (look before a write is
    sent again), and Unreachable when the key is wrong. Reads raise ToolError (Absent, Forbidden) too, writes Refused
    (`code` is PagerDuty's own number) and NotFound.
    """

    def page(self, page_id: str) -> Page: ...
    def find_page(self, dedup: str) -> Page | None:
        """The open incident with that key."""
        ...

    def alerts(self, page_id: str) -> tuple[PagedAlert, ...]: ...
    def notes(self, page_id: str) -> tuple[Note, ...]: ...
    def log(self, page_id: str, since: datetime) -> tuple[LogLine, ...]: ...
    def user_by_email(self, email: str) -> Person | None: ...
    def user(self, user_id: str) -> Person | None: ...
    def policies(self) -> tuple[Choice, ...]: ...
    def on_call(self, services: Mapping[str, str], now: datetime) -> tuple[OnCall, ...]:
        """Whom the first level of each service reaches; `services` are catalogue names to PagerDuty's ids."""
        ...

    def check(self) -> None:
        """One cheap read."""
        ...

    def service_name(self, service_id: str) -> str: ...
    def acknowledge(self, page_id: str, by: str) -> Page: ...
    def resolve(self, page_id: str, by: str) -> Page: ...
    def escalate(self, page_id: str, by: str) -> Page:
        """To the next level. Raises Refused with the code "last_level" when there is none."""
        ...

    def note(self, page_id: str, text: str, by: str) -> str:
        """The new note's id."""
        ...

    def ask_to_help(self, page_id: str, target: str, text: str, by: Person) -> None:
        """Ask a person (their id) or an escalation policy ("policy:P1") to respond."""
        ...

    def open(self, service_id: str, title: str, details: str, dedup: str, target: str, by: str) -> Page:
        """A new incident for that person or policy."""
        ...

    def trigger(self, service_id: str, title: str, details: Mapping[str, str], dedup: str, link: str | None) -> None:
        """An event for the service, which opens an incident unless one with that key is open; safe to repeat."""
        ...


class Step(Model):
    """One thing that a reasoner does, for the progress shown to people."""

    title: str  # "Reading logs of checkout"
    status: Literal["running", "done", "failed"]


class Reasoner(Protocol):
    """Explains a case. Never raises for the model's mistakes; raises Unreachable when it cannot be asked at all."""

    def explain(self, case: Case, on_step: Callable[[Step], None]) -> Draft: ...
