"""What a notification changes among the alerts of an incident: repeats are counted, changes kept, flapping damped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.incident import Alert
from core.labels import severity_of

MOST_ALERTS = 60  # kept in an incident's own record, which is read on every status; the book has all
_ENTRIES = 5  # alerts named in the ledger one by one; more are one entry with their number


@dataclass(frozen=True)
class Folded:
    """The alerts as they are now, and which of them are news."""

    alerts: tuple[Alert, ...]
    fresh: tuple[Alert, ...]  # not known before, or firing anew
    ended: tuple[Alert, ...]
    counts: Mapping[str, int]  # alerts by what became of them, for the status


def fold(known: Mapping[str, Alert], received: Iterable[Alert], group: str) -> Folded:
    """Received alerts on top of what is known of them.

    Args:
        known: By fingerprint; of an alert that is not there, nothing was known.
        group: The set that they came with; a known alert stays in the one it came with first.
    """
    now: dict[str, Alert] = {}
    fresh, ended = [], []
    counts = dict.fromkeys(("new", "repeated", "changed", "resolved", "fired_again"), 0)
    for alert in received:
        before = now.get(alert.fingerprint) or known.get(alert.fingerprint)
        after, outcome = _after(before, alert, group)
        now[alert.fingerprint] = after
        counts[outcome] += 1
        if outcome in ("new", "fired_again"):
            fresh.append(after)
        elif outcome == "resolved" and before is not None and before.status == "firing":
            ended.append(after)
    return Folded(tuple(now.values()), tuple(fresh), tuple(ended), counts)


def _after(before: Alert | None, alert: Alert, group: str) -> tuple[Alert, str]:
    if before is None:
        outcome = "new" if alert.status == "firing" else "resolved"
        return alert.model_copy(update={"group": group}), outcome
    kept = {"group": before.group or group, "first_at": before.first_at, "changes": before.changes}
    if alert.status == "resolved":
        update = {**kept, "received": before.received, "silenced": before.silenced}
        return alert.model_copy(update=update), "resolved" if before.status == "firing" else "repeated"
    if before.status == "resolved" or before.starts_at != alert.starts_at:
        return alert.model_copy(update=kept), "fired_again" if before.status == "resolved" else "changed"
    same = (before.labels, before.annotations) == (alert.labels, alert.annotations)
    update = {**kept, "received": before.received + 1, "silenced": before.silenced}
    return alert.model_copy(update=update), "repeated" if same else "changed"


def telling(known: Iterable[Alert], changed: Iterable[Alert]) -> tuple[Alert, ...]:
    """The alerts of which an incident's record tells: firing ones first, the worst before others."""
    merged = {alert.fingerprint: alert for alert in known} | {alert.fingerprint: alert for alert in changed}
    ordered = sorted(merged.values(), key=lambda a: (a.status != "firing", severity_of(a.labels), a.starts_at))
    return tuple(ordered[:MOST_ALERTS])


def entries(alerts: tuple[Alert, ...]) -> list[dict[str, object]]:
    """What the ledger says of these: each by name, or, of many, their number."""
    if len(alerts) <= _ENTRIES:
        return [{"alert": alert.name, "fingerprint": alert.fingerprint} for alert in alerts]
    names: dict[str, int] = {}
    for alert in alerts:
        names[alert.name] = names.get(alert.name, 0) + 1
    most = dict(sorted(names.items(), key=lambda item: -item[1])[:20])
    return [{"alerts": len(alerts), "names": most}]
