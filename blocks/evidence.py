"""What was seen: the first message of a thread, and the modal that shows every read as it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from blocks.parts import (
    TITLE_CHARS,
    Block,
    Line,
    Part,
    bold,
    bullets,
    button,
    buttons,
    clean,
    clock,
    code,
    counted,
    fit,
    link,
    marks,
    message,
    preformatted,
    rich,
    small,
    text,
)  # fmt: skip
from core.diagnosis import Investigation
from core.observation import Change, Evidence, FieldChange, Finding, Observation, Workload
from core.outbox import View

SHOW_EVIDENCE = "show_evidence"
TURN_PAGE = "turn_evidence_page"
EVIDENCE_MODAL = "evidence"
PAGE = 12  # reads on one page of the modal: far from Slack's 100 blocks, and at most 150 of its 250 KB

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_MOST = 8  # facts shown of what was seen; the rest is in the modal


def observation_view(seen: Observation, took_ms: int | None = None) -> View:
    """What I see: the worst first, each with the mark of its evidence, then what could not be read."""
    took = f" ({took_ms / 1000:.1f} s)" if took_ms is not None else ""
    facts = list(_facts(seen))
    blocks = [rich([bold("What I see"), text(took)]) if took else rich([bold("What I see")])]
    blocks.append(bullets(facts[:_MOST] or [[text("Nothing that is wrong.")]]))
    if len(facts) > _MOST:
        blocks.append(small(f"{counted(len(facts) - _MOST, 'more fact')} under Evidence, once the cause is posted."))
    if seen.could_not_read:
        blocks.append(rich(could_not_read(seen.could_not_read)))
    first = "".join(part.get("text", "") for part in facts[0]) if facts else "nothing that is wrong"
    return message(f"What I see: {first}", blocks)


def could_not_read(what: tuple[str, ...], most: int = 5) -> Line:
    """What could not be read, by name."""
    shown = ", ".join(clean(name, 120) for name in what[:most])
    more = f" and {len(what) - most} more" if len(what) > most else ""
    return [text(f"Could not read: {shown}{more}", 900)]


def _facts(seen: Observation) -> Iterator[list[Part]]:
    """What changed in that which is broken, what is broken, the figures, the last words of its logs, other changes;
    healthy workloads only where nothing is wrong."""
    broken = {finding.owner for finding in seen.findings}
    now = max((read.observed_at for read in seen.evidence), default=_BEGINNING)
    yield from (_change(change, now) for change in seen.changes if change.owner in broken)
    yield from (_finding(alike, now) for alike in _alike(seen.findings))
    for reading in seen.readings:
        yield [text(f"{reading.service}: {reading.summary}", 300), *marks(reading.evidence)]
    for log in seen.logs:
        if log.lines:
            yield [text(f"{log.owner} logged "), code(log.lines[-1], 250), *marks(log.evidence)]
    yield from (_change(change, now) for change in seen.changes if change.owner not in broken)
    if not broken:
        yield from (_workload(workload) for workload in seen.workloads)


def _workload(workload: Workload) -> list[Part]:
    ready = f"{workload.owner}: {workload.ready} of {counted(workload.desired, 'pod')} ready"
    restarts = f", {counted(workload.restarts, 'restart')}" if workload.restarts else ""
    return [text(ready + restarts, 250), *marks(workload.evidence)]


def _alike(findings: Sequence[Finding]) -> Iterable[list[Finding]]:
    """Findings of one owner with one condition together, in the order of the first: three pods are one fact."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.namespace, finding.owner, finding.condition), []).append(finding)
    return groups.values()


def _finding(alike: list[Finding], now: datetime) -> list[Part]:
    first, *others = alike
    if others:
        line: list[Part] = [text(f"{counted(len(alike), first.kind.lower())} of "), bold(first.owner, 200)]
    else:
        of_owner = first.owner.partition("/")[2] == first.name
        line = [bold(first.owner if of_owner else f"{first.owner} ({first.name})", 200)]
    line.append(text(f" {first.condition}"))
    since = min((finding.since for finding in alike if finding.since), default=None)
    if since:
        line += [text(" since "), clock(since, now)]
    evidence = dict.fromkeys(mark for finding in alike for mark in finding.evidence)
    return [*line, text(f": {first.message}", 350), *marks(evidence, 4)]


def _change(change: Change, now: datetime) -> list[Part]:
    revision = f"{change.from_revision} → {change.to_revision}" if change.from_revision else change.to_revision
    what = ", ".join(_field(field) for field in change.fields[:4]) or "nothing in the pod template"
    more = f" and {len(change.fields) - 4} more" if len(change.fields) > 4 else ""
    return [
        clock(change.at, now), text(f" rollout of {change.owner}, revision {revision}: {what}{more}", 400),
        *marks(change.evidence),
    ]  # fmt: skip


def _field(field: FieldChange) -> str:
    if field.verb == "changed" and field.before and field.after:
        return f"{field.field} {fit(field.before, 80)} → {fit(field.after, 80)}"
    return f"{field.field} {field.verb}"


def evidence_modal(investigation: Investigation, page: int = 0) -> dict[str, Any]:
    """Every read of an investigation: what was asked, when, what came back, and where to see it; a page at a time.

    Returns: the payload of views.open and views.update. A page that is not there shows the nearest.
    """
    pages = max((len(investigation.evidence) + PAGE - 1) // PAGE, 1)
    page = min(max(page, 0), pages - 1)
    shown = investigation.evidence[page * PAGE : (page + 1) * PAGE]
    blocks: list[Block] = [block for evidence in shown for block in _read(evidence)]
    if not blocks:
        blocks.append(rich([text("Nothing has been read yet; look again in a few seconds.")]))
    if pages > 1:
        turns = [(page - 1, "Earlier"), (page + 1, "Later")]
        links = [
            button(label, f"{TURN_PAGE}:{label.lower()}", value=f"{investigation.id}:{number}")
            for number, label in turns
            if 0 <= number < pages
        ]
        blocks += [small(f"Page {page + 1} of {pages}"), buttons(*links)]
    title = fit(f"Evidence of {investigation.incident or investigation.id}", TITLE_CHARS)
    return {
        "type": "modal", "callback_id": EVIDENCE_MODAL, "title": {"type": "plain_text", "text": title},
        "close": {"type": "plain_text", "text": "Close"}, "blocks": blocks,
    }  # fmt: skip


def _read(evidence: Evidence) -> Iterator[Block]:
    head: list[Part] = [
        code(evidence.id, 12),
        text(f" {evidence.tool}, read at ", 80),
        clock(evidence.observed_at, evidence.observed_at),
    ]
    if evidence.link:
        head += [text(" · "), link(evidence.link, "open")]
    yield rich(head, [code(evidence.query, 500)])
    yield preformatted(evidence.excerpt, 2000)
