"""Two incidents become one, or one set of alerts leaves an incident. Safe to repeat: who finds it half done ends it."""

from __future__ import annotations

import contextlib
import hashlib

from core.errors import Conflict, NotFound
from core.folding import telling
from core.incident import Incident, Joined
from core.labels import worst
from core.opening import described, note, services_of, severity_of_all, show_soon, start
from core.page import Page
from core.paging import dedup_claim, page_claim, page_set
from core.records import Records
from core.redis import as_text

_MOST_PARTS = 100
_UNFINISHED = "sre:merging"  # source and target of merges that were begun


def merge_locked(
    source_id: str, into_id: str, actor: str, why: str, records: Records, rule: str = "merged"
) -> Incident:
    """The incident that now holds both. The caller holds the turn.

    Args:
        actor: Who said so, or "bot" with the rule that did.

    Raises: NotFound, Conflict.
    """
    source, into = records.incidents.holder(source_id), records.incidents.holder(into_id)
    if source is None or into is None:
        raise NotFound(f"There is no {source_id if source is None else into_id}.")
    if source.id == into.id:
        return into  # somebody was faster
    if not (source.is_open and into.is_open):
        raise Conflict(f"{(into if source.is_open else source).id} is over, so there is nothing to merge.")
    records.redis.sadd(_UNFINISHED, ">".join((source.id, into.id, actor, rule, why)))
    return _absorb(source.id, into.id, actor, rule, why, records)


def finish_merges(records: Records) -> None:
    """End what a process that died began. The caller holds the turn."""
    for raw in records.redis.smembers(_UNFINISHED):
        source_id, into_id, actor, rule, why = as_text(raw).split(">", 4)
        _absorb(source_id, into_id, actor, rule, why, records)


def split_locked(incident_id: str, group_id: str, actor: str, records: Records) -> Incident:
    """The new incident of a set of alerts that does not belong where a rule or a person put it; no rule puts it back.
    The caller holds the turn. Raises: NotFound, Conflict."""
    old = records.incidents.holder(incident_id)
    group = records.book.group(old.id, group_id) if old else None
    if old is None or group is None:
        raise NotFound(f"{incident_id} holds these alerts no more.")
    if not old.is_open:
        raise Conflict(f"{old.id} is over, so there is nothing to split off.")
    if old.groups < 2:
        raise Conflict(f"These are all the alerts that {old.id} has.")
    now, new_id = records.now(), records.incidents.new_id()
    held = records.book.concern(old.id)
    cluster = held.cluster if held else ""
    pages = tuple(page for page in old.pages if is_of(page, group))
    alerts = records.book.move(old.id, new_id, cluster, only=group_id)
    records.book.put_group(new_id, group.model_copy(update={"rule": "split", "why": f"split off from {old.id}",
                                                            "by": actor, "at": now}))  # fmt: skip
    _rewrite_concerns(old.id, new_id, cluster, {group.key}, records)
    _, firing, _ = records.book.counts(new_id)
    new = records.incidents.save(
        Incident(
            id=new_id, severity=severity_of_all(alerts), source=old.source, group_key=old.group_key, opened_at=now,
            alerted_at=now, alerts=telling((), alerts), truncated_alerts=max(len(alerts) - len(telling((), alerts)), 0),
            firing_alerts=firing, services=tuple(services_of(alerts, records.settings.config))[:50],
            quiet_since=None if firing else now, investigation=records.investigations.new_id(), pages=pages,
            **described(alerts, records),
        )
    )  # fmt: skip
    claims = [claim for page in pages for claim in (page_claim(page.id), dedup_claim(page.key))]
    records.incidents.reclaim([group.key, *claims], new.id)
    left = tuple(page for page in old.pages if page not in pages)
    records.incidents.update(old.id, lambda i: i.model_copy(update={"pages": left}))
    _recount(old.id, records)
    note("incident.split", old.id, records, actor, {"into": new.id, "alerts": len(alerts)})
    start(new, records, actor)
    show_soon(old.id, records)
    return new


def _absorb(source_id: str, into_id: str, actor: str, rule: str, why: str, records: Records) -> Incident:
    now = records.now()
    over = {"state": "merged", "merged_into": into_id, "resolved_at": now, "headline": None}
    # First, so that alerts which come meanwhile go on to the other.
    source = records.incidents.update(source_id, lambda i: i.model_copy(update=over) if i.is_open else i)
    with contextlib.suppress(NotFound):  # nobody needs to see the card of what was merged before it was shown
        withdrawn = {"withdrawn": True}
        records.outbox.update(f"{source_id}/card", lambda m: m if m.ts else m.model_copy(update=withdrawn))
    held, other = records.book.concern(into_id), records.book.concern(source_id)
    if held and other:
        records.book.put_concern(into_id, held.with_(other))
    for group in records.book.groups(source_id):
        said = {"rule": rule, "why": f"{why} (was {source_id})", "by": None if actor == "bot" else actor, "at": now}
        records.book.put_group(source_id, group.model_copy(update=said))
    moved = records.book.move(source_id, into_id, held.cluster if held else "")
    records.book.close(source_id, "")
    into = _recount(into_id, records, source)
    note("incident.merged", source_id, records, actor, {"into": into_id, "why": why, "alerts": len(moved)})
    note("incident.absorbed", into_id, records, actor, {"from": source_id, "why": why, "alerts": len(moved)})
    records.redis.srem(_UNFINISHED, ">".join((source_id, into_id, actor, rule, why)))
    start(into, records, actor)  # if it was in maintenance, and the other was not
    show_soon(source_id, records)
    show_soon(into_id, records)
    return into


def _recount(incident_id: str, records: Records, absorbed: Incident | None = None) -> Incident:
    """The incident's record in step with the book."""
    alerts = telling((), records.book.all(incident_id))
    total, firing, groups = records.book.counts(incident_id)
    concern = records.book.concern(incident_id)
    severities = [severity_of_all(alerts)] if alerts else []

    def change(incident: Incident) -> Incident:
        severity = (
            worst([incident.severity, absorbed.severity])
            if absorbed
            else worst(severities if severities and not incident.command.severity_by else [incident.severity])
        )
        awake = {"hushed_until": None, "hushed_why": ""} if absorbed and not absorbed.hushed_until else {}
        return incident.model_copy(
            update=awake | {
                "alerts": alerts, "truncated_alerts": max(total - len(alerts), 0) + incident.left_out, "groups": groups,
                "firing_alerts": firing, "severity": severity,
                "services": tuple(concern.traces)[:50] if concern else incident.services,
                "pages": _pages(incident, absorbed),
                "quiet_since": None if firing or not total else incident.quiet_since or records.now(),
            }
        )  # fmt: skip

    return records.incidents.update(incident_id, change)


def is_of(page: Page, group: Joined) -> bool:
    """Whether an incident of PagerDuty is about this set of alerts: it brought it, or Alertmanager told it of it."""
    parts = group.key.split(":", _MOST_PARTS)
    tails = (":".join(parts[start:]) for start in range(len(parts)))  # where the group's own key begins, nothing marks
    return group.key == page_set(page.id) or page.key in {hashlib.sha256(tail.encode()).hexdigest() for tail in tails}


def _pages(incident: Incident, absorbed: Incident | None) -> tuple[Page, ...]:
    """Of both, each once."""
    both = {page.id: page for held in (absorbed, incident) if held for page in held.pages}
    return tuple(sorted(both.values(), key=lambda page: page.number))


def _rewrite_concerns(old_id: str, new_id: str, cluster: str, keys: set[str], records: Records) -> None:
    """What each is about now, and that the two stay apart."""
    from core.concern import concern_of

    before = records.book.concern(old_id)
    for incident_id, apart in ((old_id, {*keys, new_id}), (new_id, {old_id})):
        alerts = list(records.book.all(incident_id))
        if not alerts:
            continue
        new = concern_of(alerts, records.settings.config, records.whereabouts, records.service_map(cluster))
        kept = before.apart if before and incident_id == old_id else frozenset()
        opened = before.opened_at if before and incident_id == old_id else records.now().timestamp()
        update = {"cluster": cluster, "apart": kept | apart, "opened_at": opened}
        records.book.put_concern(incident_id, new.model_copy(update=update))
