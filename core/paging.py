"""PagerDuty's webhooks, version 3: whether they are its own, what they say, and what that makes of an incident there.

They come at least once and in any order; each carries the incident as it was at its moment, so the newest counts.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import orjson
from pydantic import TypeAdapter

from core.errors import Malformed
from core.mask import mask
from core.model import Moment
from core.page import Acknowledgement, Event, Page, Person

# A webhook is tried again for less than a day; one that is older is a replay, or nobody can use it any more.
OLDEST = timedelta(days=2)
KEPT_S = 5 * 86_400  # an id is remembered for longer than a replay of it is young enough, even with clocks apart

KNOWN = frozenset({
    "incident.triggered", "incident.acknowledged", "incident.unacknowledged", "incident.escalated",
    "incident.reassigned", "incident.delegated", "incident.annotated", "incident.priority_updated",
    "incident.resolved", "incident.reopened", "incident.status_update_published", "incident.responder.added",
    "incident.responder.replied", "incident.urgency_updated", "incident.title_updated",
})  # fmt: skip
# After these nobody holds it any more.
_UNHOLDS = frozenset({
    "incident.unacknowledged", "incident.escalated", "incident.reassigned", "incident.delegated", "incident.reopened",
})  # fmt: skip
_LONGEST = 2000
_MOMENT: TypeAdapter[Moment] = TypeAdapter(Moment)


def is_signed(body: bytes, header: str, secrets: Iterable[str]) -> bool:
    """Whether one of the signatures was made with one of the secrets, each compared in constant time; several of each
    are valid while a secret is being replaced."""
    given = [part.strip().encode() for part in header.split(",")]
    made = [b"v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode() for secret in secrets]
    return any(hmac.compare_digest(one, other) for one in given[:20] for other in made)


def secrets_of(setting: str) -> tuple[str, ...]:
    """The secrets in PAGERDUTY_WEBHOOK_SECRET, separated by commas."""
    return tuple(secret.strip() for secret in setting.split(",") if secret.strip())


def read_event(body: bytes, known: tuple[str, ...]) -> Event:
    """What a webhook says, masked. Of an event of a type that is not in `KNOWN` only id, type and time.

    Args:
        known: Secrets that must not be kept.

    Raises: Malformed with one sentence that says what is wrong with it.
    """
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("The body is not JSON.") from error
    event = raw.get("event") if isinstance(raw, dict) else None
    if not isinstance(event, dict):
        raise Malformed("The body holds no event; subscribe with PagerDuty's webhooks of version 3.")
    try:
        return _event(event, known)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise Malformed("The event lacks what PagerDuty's events of that type have.") from error


def _event(event: dict[str, Any], known: tuple[str, ...]) -> Event:
    kind, data = str(event["event_type"]), event.get("data")
    at, event_id = _MOMENT.validate_python(event["occurred_at"]), str(event["id"])[:200]
    if kind not in KNOWN:
        return Event(id=event_id, type=kind[:200], occurred_at=at, page_id="")
    if not isinstance(data, dict):
        raise TypeError("no data")
    incident = data if data.get("type") == "incident" else data["incident"]
    said = data.get("content") or data.get("message") or ""
    if kind == "incident.responder.replied":
        said = data.get("state") or ""
    return Event(
        id=event_id, type=kind, occurred_at=at, agent=person_of(event.get("agent")), page_id=_id(incident["id"]),
        page=_page(data, at, known) if incident is data else None,
        said=mask(str(said)[: _LONGEST + 500], known)[:_LONGEST],
        thing="" if incident is data else str(data.get("id") or "")[:200], who=person_of(data.get("user")),
    )  # fmt: skip


def _page(data: dict[str, Any], at: Moment, known: tuple[str, ...]) -> Page:
    return Page(
        id=_id(data["id"]), number=int(data.get("number") or 0), title=title_of(data.get("title"), known),
        html_url=str(data.get("html_url") or "")[:_LONGEST], service=str((data.get("service") or {}).get("id") or ""),
        key=str(data.get("incident_key") or ""), status=data["status"], urgency=data.get("urgency") or "high",
        priority=str((data.get("priority") or {}).get("summary") or "")[:50] or None,
        assigned=tuple(found for each in data.get("assignees") or () if (found := person_of(each))),
        as_of=at, merged_into=merged_into(data),
    )  # fmt: skip


def merged_into(data: dict[str, Any]) -> str:
    """The id of the incident that this one was merged into; "" when it was resolved otherwise, or is open."""
    reason = data.get("resolve_reason")
    if not isinstance(reason, dict) or reason.get("type") != "merge_resolve_reason":
        return ""
    target = reason.get("incident")
    return _id(target["id"]) if isinstance(target, dict) else ""


def title_of(raw: object, known: tuple[str, ...]) -> str:
    """The title in one line, masked."""
    return " ".join(mask(str(raw or "incident")[:1500], known).split())[:500]


def person_of(raw: Any) -> Person | None:
    """The person that a reference means; None for a service, a monitoring tool, or nobody."""
    if not isinstance(raw, dict) or str(raw.get("type")) not in ("user_reference", "user") or not raw.get("id"):
        return None
    email = raw.get("email")
    return Person(id=_id(raw["id"]), name=str(raw.get("name") or raw.get("summary") or raw["id"])[:200],
                  email=str(email)[:300] if email else None)  # fmt: skip


def _id(raw: object) -> str:
    """PagerDuty's ids are letters and digits; they become part of paths."""
    found = str(raw)
    if not (found.isascii() and found.isalnum() and len(found) <= 64):
        raise TypeError("not an id")
    return found


def page_after(held: Page | None, event: Event, read: Page | None = None) -> Page | None:
    """The page as it is after an event, however late that came; None when nothing is known of it.

    Args:
        read: What the REST API said of it, for an event that does not hold it.
    """
    new = event.page or read
    if new is None:
        return held
    before = held or new
    unheld, acks = before.unheld_at, before.acknowledgements
    if event.type in _UNHOLDS and (unheld is None or event.occurred_at > unheld):
        unheld = event.occurred_at
    if event.type == "incident.acknowledged" and event.agent:
        acks = (*(held for held in acks if held.by.id != event.agent.id),
                Acknowledgement(by=event.agent, at=event.occurred_at))  # fmt: skip
    newest = new if _stamp(new) >= _stamp(before) else before
    if newest is new:
        acks = (*acks, *(ack for ack in new.acknowledgements if ack.by.id not in {held.by.id for held in acks}))
    by_person = event.agent is not None if event.type == "incident.resolved" else before.ended_by_person
    by_person = by_person and not newest.merged_into  # the trouble goes on, in another incident
    return newest.model_copy(
        update={
            "unheld_at": unheld, "ended_by_person": by_person and newest.status == "resolved",
            "acknowledgements": tuple(sorted((a for a in acks if unheld is None or a.at > unheld),
                                             key=lambda a: a.at)),
        }
    )  # fmt: skip


def _stamp(page: Page) -> tuple[Moment, int]:
    """Of two states of one moment the later in an incident's life counts."""
    return page.as_of, ("triggered", "acknowledged", "resolved").index(page.status)


def dedup_claim(key: str) -> str:
    """The claim under which whoever knows the dedup key finds the incident; Alertmanager's groups are claimed so."""
    return f"dedup:{key}"


def page_claim(page_id: str) -> str:
    """The claim under which the incident of a page is found, also when it is over."""
    return f"page:{page_id}"


def page_set(page_id: str) -> str:
    """The key of the alerts that a page brings."""
    return f"pagerduty:{page_id}"
