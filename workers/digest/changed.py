"""What was rolled out, each with what came after it; and what else changed. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from blocks.verification import done_in_words
from core.aftermath import Aftermath, followed_by, names_of
from core.change_events import ChangeEvent, ChangeKind
from core.digest import Deploy
from core.remediation import Remediation
from workers.digest.material import Material

OTHERS: tuple[ChangeKind, ...] = ("release", "scale", "config", "node", "job_failed")
_DONE = frozenset({"watching", "worked", "undone", "unproven", "interrupted"})
_MOST_NAMES = 5
T = TypeVar("T")


def deploys(given: Material) -> tuple[Deploy, ...]:
    """Oldest first. A rollback that took a deploy of the time back is told with that, another is one by itself."""
    firings = _by(given.firings, lambda f: (f.service,))
    changes = _by(given.changes, lambda c: ((c.cluster, c.namespace, c.target),))
    incidents = _by(given.incidents, lambda i: (i.service or "", *i.services))
    of_incident = _by(given.remediations, lambda r: (r.incident or "",))
    found, told = [], set()
    for event in given.changes:
        if event.kind not in ("deploy", "rollback") or event.id in told:
            continue
        names = names_of(event)
        near = {i.id: i for name in names for i in incidents[name]}.values()
        after = followed_by(
            event, incidents=near, changes=changes[event.cluster, event.namespace, event.target],
            firings=[f for name in names for f in firings[name]],
            remediations=[r for i in near for r in of_incident[i.id]],
        )  # fmt: skip
        told |= {revert.id for revert in after.reverts}
        found.append(_deploy(event, after))
    return tuple(found)


def others(given: Material) -> dict[str, int]:
    """How many of each other kind."""
    counts = Counter(event.kind for event in given.changes)
    return {kind: counts[kind] for kind in OTHERS if counts[kind]}


def _deploy(event: ChangeEvent, after: Aftermath) -> Deploy:
    return Deploy(
        event=event, alerts=tuple(Counter(f.alert for f in after.alerts).most_common(_MOST_NAMES)),
        incidents=tuple(i.id for i in after.incidents), actions=tuple(_did(r) for r in after.actions if was_done(r)),
        reverted=after.reverts[0] if after.reverts else None,
    )  # fmt: skip


def was_done(remediation: Remediation) -> bool:
    return remediation.begun_at is not None and remediation.state in _DONE


def _did(remediation: Remediation) -> str:
    return lowered(done_in_words(remediation))


def lowered(said: str) -> str:
    """A sentence as the middle of another."""
    return said[:1].lower() + said[1:]


def _by(items: Iterable[T], keys: Callable[[T], Iterable[Hashable]]) -> defaultdict[Hashable, list[T]]:
    found: defaultdict[Hashable, list[T]] = defaultdict(list)
    for item in items:
        for key in dict.fromkeys(keys(item)):
            found[key].append(item)
    return found
