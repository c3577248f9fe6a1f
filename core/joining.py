"""One change, told by two: what a CI system reports and the rollout that is seen in the cluster become one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from core.change_events import ChangeEvent, ChangeEvents

SAME_VERSION_WITHIN = timedelta(minutes=15)  # from a pipeline's report to the rollout, or back
ANY_VERSION_WITHIN = timedelta(minutes=5)  # where what is reported is a commit, and the image's tag does not say which
_HEX = re.compile(r"[0-9a-f]{7,40}")
_ROLLOUTS = ("deploy", "rollback")


def note_change(changes: ChangeEvents, event: ChangeEvent) -> ChangeEvent:
    """Keep a change, joined with what another source said of the same one. Returns what is kept now.

    Safe to repeat, and for two processes at once: both find the same partners and write the same.
    """
    known = changes.find(event.id)
    event = _updated(known, event) if known else event
    changes.note(event)
    if event.kind not in _ROLLOUTS:
        return event
    near = changes.between(event.at - SAME_VERSION_WITHIN, event.at + SAME_VERSION_WITHIN)
    for seen, told in _pairs(event, near):
        joined = _joined(seen, told)
        changes.note(joined)
        changes.remove(told.id)
        event = joined
    return event


def same_rollout(seen: ChangeEvent, told: ChangeEvent) -> bool:
    """Whether what was told by a CI system is the rollout that was seen: by service, version and time."""
    if _name(seen) != _name(told) or (seen.cluster and told.cluster and seen.cluster != told.cluster):
        return False
    apart, agreed = abs(seen.at - told.at), agree(seen.version, told.version, told.to_revision or "")
    return apart <= SAME_VERSION_WITHIN if agreed else agreed is None and apart <= ANY_VERSION_WITHIN


def agree(seen: str, told: str, commit: str = "") -> bool | None:
    """Whether an image's tag is the version or commit that was told; None when they cannot be compared."""
    seen, told, commit = (text.strip().lower().removeprefix("v") for text in (seen, told, commit))
    if not seen or not (told or commit):
        return None
    if seen == told:
        return True
    commits = [text for text in (told, commit) if _HEX.fullmatch(text)]
    tags = [tag for tag in _HEX.findall(seen) if not tag.isdigit()]
    if commits and tags:
        return any(one.startswith(other) or other.startswith(one) for one in commits for other in tags)
    return False if told and not _HEX.fullmatch(told) else None


def _pairs(event: ChangeEvent, near: Iterable[ChangeEvent]) -> Iterator[tuple[ChangeEvent, ChangeEvent]]:
    """What was seen, with what was told of it. One report of several clusters' rollouts pairs with each of them; of
    those that are equally possible only the nearest."""
    if event.source == "kubernetes":
        told = [other for other in near if other.source != "kubernetes" and other.kind in _ROLLOUTS]
        found = [(event, other) for other in told if same_rollout(event, other)]
    else:
        seen = [other for other in near if other.source == "kubernetes" and other.kind in _ROLLOUTS]
        found = [(other, event) for other in seen if same_rollout(other, event)]
    sure = [pair for pair in found if agree(pair[0].version, pair[1].version, pair[1].to_revision or "")]
    yield from sure or sorted(found, key=lambda pair: abs(pair[0].at - pair[1].at))[:1]


def _joined(seen: ChangeEvent, told: ChangeEvent) -> ChangeEvent:
    """What was seen, with whom and where the CI system names."""
    known = {"by": told.by, "link": told.link, "cause": told.cause}
    return seen.model_copy(update={name: text for name, text in known.items() if text})


def _updated(known: ChangeEvent, event: ChangeEvent) -> ChangeEvent:
    """The same change seen or told again: what was learned from others stays."""
    if event.source != "kubernetes":
        return event
    kept = {"at": known.at, "link": event.link or known.link}
    if known.link and not event.link:  # joined with a report: it knows best who did it
        kept |= {"by": known.by or event.by, "cause": known.cause or event.cause}
    return event.model_copy(update={name: value for name, value in kept.items() if value})


def _name(event: ChangeEvent) -> str:
    return event.service or event.target.partition("/")[2]
