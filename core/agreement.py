"""Whether people did what shadow mode only proposed. Nothing is guessed: what nothing tells of is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from core.change_events import ChangeEvent
from core.command import WENT_AWAY, Fix
from core.diagnosis import ActionKind
from core.remediation import Remediation

Agreement = Literal["agreed", "differed", "unknown"]

# What people call an action, as patterns on lower case words; kinds that one word may mean are alike.
_SAID: tuple[tuple[str, frozenset[ActionKind]], ...] = (
    (r"\broll(?:ed|ing)?[ -]?back|\brollback|\brevert", frozenset({"rollback_deployment", "rollback_release"})),
    (r"\brestart|\bbounce|\brecycl|\bdeleted? the pod", frozenset({"restart_pod", "restart_deployment"})),
    (r"\bscal(?:e|ed|ing)\b|\breplicas\b", frozenset({"scale_deployment"})),
    (r"\bdrain", frozenset({"drain_node"})),
    (r"\bcordon", frozenset({"cordon_node", "drain_node"})),
    (r"\buncordon", frozenset({"uncordon_node"})),
    (r"\bsilenc|\bmuted?\b", frozenset({"silence_alert"})),
    (r"\bre-?r[ua]n\b|\b(?:ran|run)\b.*\bagain\b|\bretri(?:ed|gger)|\bretry", frozenset({"rerun_job"})),
    (r"\brotat|\brenew", frozenset({"rotate_credentials"})),
    (r"\b(?:shift|mov)(?:ed|ing)? (?:the )?traffic|\bfailed over|\bfailover", frozenset({"shift_traffic"})),
    (r"\b(?:memory|cpu|resource)s? limits?\b|\blimits?\b.*\b(?:raised|lowered)", frozenset({"set_resources"})),
)


def kinds_in(words: str) -> frozenset[ActionKind]:
    """The kinds of action that these words name; empty when they name none."""
    said = words.lower()
    found: set[ActionKind] = set()
    for pattern, kinds in _SAID:
        if re.search(pattern, said):
            found |= kinds
    return frozenset(found)


def agreement(
    rem: Remediation, fix: Fix | None, others: Iterable[Remediation], changes: Iterable[ChangeEvent]
) -> Agreement:
    """What people did, held against one proposal: what they said fixed it, else what changed on its target.

    Args:
        others: The incident's remediations.
        changes: What changed while the incident was open, and shortly after.
    """
    said = _by_words(rem, fix, {other.id: other for other in others}) if fix else "unknown"
    return said if said != "unknown" else _by_changes(rem, changes)


def _by_words(rem: Remediation, fix: Fix, others: dict[str, Remediation]) -> Agreement:
    if fix.action:
        done = others.get(fix.action)
        same = fix.action == rem.id or (done is not None and _same(rem, done))
        return "agreed" if same else "differed"
    if fix.what == WENT_AWAY:
        return "differed"
    kinds = kinds_in(fix.what)
    if not kinds:
        return "unknown"
    return "agreed" if rem.action.kind in kinds else "differed"


def _same(one: Remediation, other: Remediation) -> bool:
    mine, theirs = one.action, other.action
    return (mine.kind, mine.namespace, mine.name) == (theirs.kind, theirs.namespace, theirs.name)


def _by_changes(rem: Remediation, changes: Iterable[ChangeEvent]) -> Agreement:
    found = {done for change in changes if _on_target(rem, change) and (done := _done_by(change))}
    if not found:
        return "unknown"
    return "agreed" if any(rem.action.kind in kinds for kinds in found) else "differed"


def _on_target(rem: Remediation, change: ChangeEvent) -> bool:
    place = (rem.action.namespace, rem.proposal.target)
    same_cluster = not change.cluster or not rem.cluster or change.cluster == rem.cluster
    return same_cluster and place == (change.namespace, change.target)


def _done_by(change: ChangeEvent) -> frozenset[ActionKind]:
    """What somebody did there; empty for what nobody ordered, or what is no action of ours."""
    match change.kind:
        case "rollback":
            return frozenset({"rollback_deployment", "rollback_release"})
        case "scale" if change.by != "HPA":
            return frozenset({"scale_deployment"})
        case "deploy" if change.title.startswith("restarted"):
            return frozenset({"restart_deployment", "restart_pod"})
        case "deploy" if _only_limits(change):
            return frozenset({"set_resources"})
    return frozenset()


def _only_limits(change: ChangeEvent) -> bool:
    return bool(change.fields) and all("limit" in field.field for field in change.fields)
