"""What followed a change: alerts, incidents, what was done about them, and whether it was taken back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from core.change_events import ChangeEvent, ChangeKind
from core.firings import Firing
from core.incident import Incident
from core.remediation import Remediation

SOON = timedelta(minutes=30)  # as long as a rollback without a person may be the answer: rollback_deploy_age_minutes
REVERTED_WITHIN = timedelta(hours=24)
ROLLOUTS: frozenset[ChangeKind] = frozenset({"deploy", "rollback"})


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What came after one change, each oldest first. That it came after does not say that it came of it."""

    alerts: tuple[Firing, ...] = ()
    incidents: tuple[Incident, ...] = ()
    actions: tuple[Remediation, ...] = ()  # begun on what was changed, or in these incidents
    reverts: tuple[ChangeEvent, ...] = ()  # the rollback that took it back

    @property
    def broke(self) -> bool:
        """Whether an incident came of it, as far as time and service tell."""
        return bool(self.incidents)

    @property
    def is_quiet(self) -> bool:
        return not (self.alerts or self.incidents or self.actions or self.reverts)


def followed_by(
    event: ChangeEvent,
    *,
    incidents: Iterable[Incident] = (),
    firings: Iterable[Firing] = (),
    changes: Iterable[ChangeEvent] = (),
    remediations: Iterable[Remediation] = (),
    within: timedelta = SOON,
) -> Aftermath:
    """What began on the same service from the change on, for `within`, or until the next deploy of the same workload:
    what comes after that belongs to that.

    Args:
        changes: Those of the same time and the day after, in any order.
    """
    later = sorted((c for c in changes if _is_next(c, event)), key=lambda c: c.at)
    deployed = next((c.at for c in later if c.kind == "deploy"), None)
    until = min(event.at + within, deployed) if deployed else event.at + within
    names = names_of(event)
    found = tuple(
        sorted(
            (
                i
                for i in incidents
                if i.state != "merged" and event.at <= i.began_at < until and _concerns(i, event, names)
            ),
            key=lambda i: (i.began_at, i.id),
        )
    )
    first, last = event.at.timestamp(), until.timestamp()
    alerts = (f for f in firings if first <= f.began < last and f.service in names and _same(f.cluster, event.cluster))
    ids = {i.id for i in found}
    ended = min(event.at + REVERTED_WITHIN, deployed) if deployed else event.at + REVERTED_WITHIN
    actions = (
        r for r in remediations
        if r.begun_at and event.at <= r.begun_at < ended and (r.incident in ids or _aims_at(r, event, names))
    )  # fmt: skip
    return Aftermath(
        alerts=tuple(sorted(alerts, key=lambda f: (f.began, f.fingerprint))),
        incidents=found,
        actions=tuple(sorted(actions, key=lambda r: (r.begun_at or r.created_at, r.id))),
        reverts=tuple(c for c in later[:1] if c.kind == "rollback" and c.at < ended),
    )


def names_of(event: ChangeEvent) -> frozenset[str]:
    """What firings and incidents call the thing that changed: the catalogue's service, and "namespace/name"."""
    place = f"{event.namespace}/{event.target.partition('/')[2]}"
    return frozenset(name for name in (event.service, place) if name)


def _is_next(other: ChangeEvent, event: ChangeEvent) -> bool:
    same = (other.cluster, other.namespace, other.target) == (event.cluster, event.namespace, event.target)
    return same and other.kind in ROLLOUTS and other.id != event.id and other.at > event.at


def _concerns(incident: Incident, event: ChangeEvent, names: frozenset[str]) -> bool:
    return bool(names & {incident.service, *incident.services}) and _same(incident.cluster, event.cluster)


def _aims_at(remediation: Remediation, event: ChangeEvent, names: frozenset[str]) -> bool:
    action = remediation.action
    target = (action.namespace, remediation.proposal.target) == (event.namespace, event.target)
    return (target or remediation.service in names) and _same(remediation.cluster, event.cluster)


def _same(one: str | None, other: str | None) -> bool:
    """Whether two clusters may be the same; one that has no name may be any."""
    return not one or not other or one == other
