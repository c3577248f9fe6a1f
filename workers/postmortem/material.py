"""All that a draft is made of, read once: records, what people said in the thread, and Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from blocks.card import began
from core.change_events import ChangeEvent
from core.diagnosis import Investigation
from core.errors import ConfigError, NotFound, Refused, SreError, Transient, Unreachable
from core.incident import Incident
from core.ledger import Entry
from core.mask import mask
from core.postmortem import Source
from core.records import Records
from core.remediation import Remediation
from core.visible import clean as visible
from workers.ports import Metrics, Slack, Spoken
from workers.postmortem.metrics import Measured, measured
from workers.postmortem.words import one_line

_OWN = "postmortem."  # drafts are no source of drafts
_BEFORE = timedelta(hours=2)  # what changed so long before the trouble may have to do with it
_MOST_MESSAGES = 500
_MOST_NAMES = 60
_MOST_CHANGES = 30
_SAID_CHARS = 300


@dataclass(frozen=True)
class Material:
    """What is known of one incident. Texts are foreign and masked."""

    incident: Incident
    now: datetime
    entries: tuple[Entry, ...] = ()  # its ledger, oldest first
    investigations: tuple[Investigation, ...] = ()  # oldest first
    remediations: tuple[Remediation, ...] = ()
    messages: tuple[Spoken, ...] = ()  # what people said in its thread
    links: tuple[str | None, ...] = ()  # of each message
    names: Mapping[str, str] = field(default_factory=dict)  # Slack user ids to names
    changes: tuple[ChangeEvent, ...] = ()  # of its services, around its beginning
    measured: tuple[Measured, ...] = ()
    could_not_read: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()  # that must not be in a draft

    @property
    def last(self) -> Investigation | None:
        """The latest that came to a conclusion, else the latest."""
        ended = [inv for inv in self.investigations if inv.diagnosis]
        return next(reversed(ended or self.investigations), None)

    @property
    def ended(self) -> datetime:
        return self.incident.resolved_at or self.now

    def who(self, actor: str) -> str:
        """Somebody by name: "@maria", "Alertmanager", "the bot"."""
        own = {"bot": "the bot", "alertmanager": "Alertmanager", "pagerduty": "PagerDuty"}
        return own.get(actor) or f"@{one_line(self.names.get(actor, actor), 60)}"

    def first(self, *events: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.event in events), None)

    def every(self, *events: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.event in events]

    def about(self, remediation: Remediation, *events: str) -> list[Entry]:
        """Entries of one action."""
        return [entry for entry in self.every(*events) if entry.data.get("remediation") == remediation.id]

    def sources(self) -> dict[str, Source]:
        """Everything that may be cited, by id."""
        found = [Source(id=f"L{e.seq}", text=f"{e.at:%Y-%m-%d %H:%M:%S} UTC {e.event} by {self.who(e.actor)}")
                 for e in self.entries]  # fmt: skip
        evidence = self.last.evidence if self.last else ()
        found += [Source(id=e.id, text=f"{e.observed_at:%H:%M:%S} UTC {e.tool}: {_quoted(e.query, 200)}", link=e.link)
                  for e in evidence]  # fmt: skip
        found += [
            Source(id=f"M{number}", text=f"{m.at:%Y-%m-%d %H:%M:%S} UTC {self.who(m.user)} in the thread", link=link)
            for number, (m, link) in enumerate(zip(self.messages, self.links, strict=True), 1)
        ]
        found += [Source(id=m.id, text=f"Prometheus: {_quoted(m.query, 280)}", link=m.link) for m in self.measured]
        found += [
            Source(
                id=f"C{number}", link=change.link or None,
                text=f"{change.at:%Y-%m-%d %H:%M:%S} UTC {one_line(change.target, 100)}, from {change.source}",
            )
            for number, change in enumerate(self.changes, 1)
        ]  # fmt: skip
        return {source.id: source for source in found}


def _quoted(query: str, most: int) -> str:
    plain = one_line(query, most).replace("`", "'")
    return f"`{plain}`"


def read(incident: Incident, records: Records, slack: Slack | None, metrics: Metrics | None) -> Material:
    """Read all of it. What cannot be read is named. Raises: Transient where Slack asked to wait."""
    secrets = records.settings.secrets()
    entries = tuple(e for e in records.ledger.of_incident(incident.id) if not e.event.startswith(_OWN))
    messages, unread = _thread(incident, slack, secrets)
    actors = dict.fromkeys([*(e.actor for e in entries), *(m.user for m in messages), *_named(incident)])
    start = began(incident)
    bare = Material(
        incident=incident, now=records.now(), entries=entries,
        investigations=_investigations(incident, entries, records),
        remediations=records.remediations.of_incident(incident.id), messages=messages,
        links=tuple(_permalink(incident, m.ts, records) for m in messages), names=_names(actors, slack, records),
        changes=_changes(incident, start, records), secrets=secrets,
    )  # fmt: skip
    found, missing = measured(bare.incident, bare.last, records.settings.config, metrics, start, bare.ended)
    return Material(**{**bare.__dict__, "measured": found, "could_not_read": (*unread, *missing)})


def _thread(incident: Incident, slack: Slack | None, secrets: tuple[str, ...]) -> (
    tuple[tuple[Spoken, ...], tuple[str, ...]]
):  # fmt: skip
    if not incident.channel or not incident.thread_ts:
        return (), ("the thread (it is shown in no channel)",)
    if slack is None:
        return (), ("the thread (no SLACK_BOT_TOKEN)",)
    try:
        found, whole = slack.thread(incident.channel, incident.thread_ts, _MOST_MESSAGES)
    except Refused as error:
        lacks = "the app lacks the scope channels:history or groups:history"
        why = lacks if error.code == "missing_scope" else error.code
        return (), (f"the thread ({why})",)
    except Transient as error:
        return (), (f"the thread ({str(error).rstrip('.')})",)
    kept = tuple(
        Spoken(user=m.user, ts=m.ts, text=mask(visible(m.text[:4000]), secrets)[: _SAID_CHARS * 4])
        for m in found
        if m.text.strip()
    )
    return kept, () if whole else (f"the thread beyond its first {_MOST_MESSAGES} messages",)


def _investigations(incident: Incident, entries: Iterable[Entry], records: Records) -> tuple[Investigation, ...]:
    """Those that the ledger names and that belong to the incident's own question."""
    ids = [str(e.data["investigation"]) for e in entries if e.event.startswith("loop.") and e.data.get("investigation")]
    ids += [incident.investigation] if incident.investigation else []
    found: list[Investigation] = []
    for investigation_id in dict.fromkeys(ids):
        try:
            inv = records.investigations.get(investigation_id)
        except NotFound:
            continue
        if inv.asked_by is None or inv.id == incident.investigation:
            found.append(inv)
    return tuple(found)


def _named(incident: Incident) -> list[str]:
    command = incident.command
    return [who for who in (command.commander, command.update.by if command.update else None,
                            command.fix.by if command.fix else None, *command.responders) if who]  # fmt: skip


def _names(users: Iterable[str], slack: Slack | None, records: Records) -> dict[str, str]:
    """What people are called, as far as Slack says so."""
    found: dict[str, str] = {}
    asked = [user for user in users if user[:1] in ("U", "W") and user.isalnum() and user.isupper()]
    for user in asked[:_MOST_NAMES] if slack else ():
        try:
            name = slack.name_of(user) if slack else None
        except (Refused, Transient):
            continue
        if name:
            found[user] = mask(name, records.settings.secrets())
    return found


def _permalink(incident: Incident, ts: str, records: Records) -> str | None:
    """Made of the card's: Slack makes all addresses of one workspace alike."""
    card = records.outbox.find(f"{incident.id}/card")
    base, found, _ = (card.permalink or "").partition("/archives/") if card else ("", "", "")
    if not found:
        return None
    place = f"thread_ts={incident.thread_ts}&cid={incident.channel}"
    return f"{base}/archives/{incident.channel}/p{ts.replace('.', '')}?{place}"


def _changes(incident: Incident, start: datetime, records: Records) -> tuple[ChangeEvent, ...]:
    services = {incident.service, *incident.services} - {None}
    end = incident.resolved_at or records.now()
    found = records.changes.between(start - _BEFORE, end)
    return tuple(c for c in found if c.service in services and c.kind != "certificate")[:_MOST_CHANGES]


def metrics_of(incident: Incident, metrics: object) -> Metrics | None:
    """The Prometheus of its cluster; None where none is configured or it cannot be opened."""
    try:
        return metrics(incident.cluster)  # type: ignore[operator, no-any-return]
    except (ConfigError, Unreachable, SreError):
        return None
