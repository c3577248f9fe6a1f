"""Facts of an incident by part, each one sentence with its sources. Nothing is in them that the sources do not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from blocks.card import began
from blocks.command import SEVERITIES
from blocks.proposal import in_words
from blocks.verification import done_in_words
from core.ledger import Entry
from core.postmortem import Part, Sentence
from core.remediation import Remediation, State
from workers.postmortem.judging import badly, followups, well
from workers.postmortem.material import Material
from workers.postmortem.timeline import timeline
from workers.postmortem.words import at, listed, one_line, span

_MOST_CLAIMS = 8
_TOLD_READINGS = {"error_ratio", "latency_p95_s", "request_rate"}
_ENDS: dict[State, str] = {
    "worked": "it worked", "undone": "it made things worse and was taken back",
    "unproven": "nothing shows that it helped", "failed": "it could not be done",
    "interrupted": "nobody knows whether it was done", "watching": "it is still being watched",
    "begun": "it was begun", "approved": "it was about to begin", "rejected": "it was rejected",
    "expired": "nobody decided in time", "superseded": "it was no longer needed", "denied": "policy refused it",
    "asked": "it waits for approval", "proposed": "it was proposed",
}  # fmt: skip


def gather(material: Material) -> dict[Part, tuple[Sentence, ...]]:
    """Every part's facts."""
    return {
        "summary": tuple(_summary(material)), "impact": tuple(_impact(material)), "timeline": timeline(material),
        "cause": tuple(_cause(material)), "well": tuple(well(material)), "badly": tuple(badly(material)),
        "actions": tuple(_actions(material)), "followups": tuple(followups(material)),
    }  # fmt: skip


def ref(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(f"L{entry.seq}" for entry in entries)


def _summary(m: Material) -> Iterator[Sentence]:
    incident = m.incident
    opened, resolved = m.every("incident.opened"), m.every("incident.resolved")
    where = " / ".join(part for part in (incident.cluster, incident.namespace) if part)
    whose = f"{incident.service or 'No known service'}{f' in {where}' if where else ''}"
    begun = began(incident)
    fired = m.first("alert.received")
    cites = ref([*opened, *([fired] if fired else []), *resolved[-1:]])
    if incident.is_open:
        length = f"It began at {at(begun)} UTC and is still open after {span(m.now - begun)}"
    else:
        length = f"It lasted {span(m.ended - begun)}, from {at(begun)} to {at(m.ended, begun)} UTC"
    yield Sentence(text=f"{whose} was affected ({incident.severity}): {one_line(incident.title, 200)}", cites=cites)
    yield Sentence(text=length, cites=cites)
    yield from (Sentence(text=found.text, cites=(found.id,)) for found in m.measured[:1])
    yield from list(_named_cause(m))[:1]
    yield from _what_ended_it(m)


def _what_ended_it(m: Material) -> Iterator[Sentence]:
    fix, done = m.incident.command.fix, [r for r in m.remediations if r.state == "worked"]
    if fix:
        said = f"{m.who(fix.by)} said that this fixed it: {one_line(fix.what, 250)}"
        yield Sentence(text=said, cites=ref(m.every("incident.fixed")[-1:]))
    elif done:
        last = done[-1]
        yield Sentence(text=f"This ended it: {done_in_words(last)}, {_by(last, m)}",
                       cites=ref(m.about(last, "approval.granted", "action.done", "remediation.ended")))  # fmt: skip
    elif watched := [r for r in m.remediations if r.state == "watching"]:
        last = watched[-1]
        yield Sentence(text=f"{done_in_words(last)}, {_by(last, m)}; whether that holds is still being watched",
                       cites=ref(m.about(last, "approval.granted", "action.begun", "action.done")))  # fmt: skip
    elif not m.incident.is_open and any(r.begun_at for r in m.remediations):
        over = m.every("incident.resolved")[-1:]
        yield Sentence(text="It ended, nobody said what fixed it, and no action is known to have", cites=ref(over))
    elif not m.incident.is_open:
        over = m.every("incident.resolved")[-1:]
        yield Sentence(text="It ended without an action of the bot, and nobody said what fixed it", cites=ref(over))


def _impact(m: Material) -> Iterator[Sentence]:
    incident = m.incident
    set_by = m.every("severity.set")[-1:]
    cites = ref(set_by or m.every("incident.opened"))
    yield Sentence(text=f"Severity {incident.severity}: {SEVERITIES[incident.severity]}", cites=cites)
    received = m.every("alert.received", "alerts.joined")
    names = Counter(alert.name for alert in incident.alerts)
    known = sum(names.values()) + incident.truncated_alerts
    if known and received:
        told = listed(
            f"{one_line(name, 80)}{f' ({count})' if count > 1 else ''}" for name, count in names.most_common()
        )
        of = f" of {len(incident.services)} services" if len(incident.services) > 1 else ""
        yield Sentence(text=f"{known:,} alert{'s' if known != 1 else ''}{of} fired: {told}", cites=ref(received))
    if len(incident.services) > 1 and received:
        yield Sentence(
            text=f"Alerts fired for {listed(one_line(s, 60) for s in incident.services)}", cites=ref(received)
        )
    yield from (Sentence(text=found.text, cites=(found.id,)) for found in m.measured)
    yield from _readings(m)
    for rem in m.remediations:
        ended = m.about(rem, "remediation.ended")
        if rem.findings and ended and rem.state in ("worked", "undone", "unproven"):
            found = "; ".join(one_line(line, 150) for line in rem.findings[:8])
            yield Sentence(text=f"Before and after {rem.id}: {found}", cites=ref(ended))
    update = incident.command.update
    if update and update.impact:
        said = m.every("status.updated")[-1:]
        yield Sentence(text=f"{m.who(update.by)} described the impact: {one_line(update.impact, 250)}", cites=ref(said))


def _readings(m: Material) -> Iterator[Sentence]:
    """What the first look measured of what was wrong."""
    seen = m.last.observation if m.last and not m.measured else None  # of the whole of it more is known
    for reading in seen.readings if seen else ():
        before, now = reading.before, reading.now
        if reading.name not in _TOLD_READINGS or now is None or before is None or not reading.evidence:
            continue
        least = 0.002 if reading.name == "error_ratio" else 0.25 * max(abs(before), 1e-9)
        if abs(now - before) > least:
            summary = one_line(reading.summary, 200).removeprefix(f"{reading.service}: ")
            told = f"{reading.service} at the first look: {summary}"
            yield Sentence(text=told, cites=reading.evidence)


def _named_cause(m: Material) -> Iterator[Sentence]:
    last = m.last
    diagnosis = last.diagnosis if last else None
    if last is None or diagnosis is None:
        return
    concluded = ref(e for e in m.every("loop.reason") if e.data.get("investigation") == last.id)
    if diagnosis.root_cause is None:
        said = "nothing was found wrong" if diagnosis.status == "diagnosed" else "the cause was not found"
        yield Sentence(text=f"When the bot looked, {said}", cites=concluded)
        return
    shown = dict.fromkeys(i for claim in diagnosis.claims for i in claim.evidence)
    sure = "" if diagnosis.status == "diagnosed" else "Not certain: "
    statement = one_line(diagnosis.root_cause.statement, 400)
    yield Sentence(text=f"{sure}{statement[:1].upper()}{statement[1:]}", cites=(*concluded, *list(shown)[:6]))


def _cause(m: Material) -> Iterator[Sentence]:
    yield from _named_cause(m)
    last = m.last
    diagnosis = last.diagnosis if last else None
    if last and diagnosis:
        concluded = ref(e for e in m.every("loop.reason") if e.data.get("investigation") == last.id)
        if diagnosis.root_cause:
            by = "Claude" if diagnosis.reasoner == "claude" else "runbooks"
            yield Sentence(text=f"The bot gave this a confidence of {diagnosis.confidence:.2f}, reasoned by {by}",
                           cites=concluded)  # fmt: skip
        for claim in diagnosis.claims[:_MOST_CLAIMS]:
            yield Sentence(text=one_line(claim.text, 350), cites=claim.evidence)
        for claim in diagnosis.ruled_out[:4]:
            yield Sentence(text=f"Ruled out: {one_line(claim.text, 250)}", cites=claim.evidence)
    yield from _judged(m)


def _judged(m: Material) -> Iterator[Sentence]:
    for entry in m.every("feedback.given"):
        said = "right" if entry.data.get("right") else "wrong"
        name = one_line(str(entry.data.get("investigation")), 20)
        yield Sentence(text=f"{m.who(entry.actor)} judged the diagnosis {name} {said}", cites=ref([entry]))
    fix = m.incident.command.fix
    if fix and fix.cause_right is not None:
        said = "right" if fix.cause_right else "not the cause"
        yield Sentence(text=f"{m.who(fix.by)} said that the cause as named was {said}",
                       cites=ref(m.every("incident.fixed")[-1:]))  # fmt: skip


def _actions(m: Material) -> Iterator[Sentence]:
    for rem in m.remediations:
        told = _asked_and_done(rem, m)
        entries = m.about(rem, "proposal.decided", "approval.asked", "approval.granted", "approval.rejected",
                          "approval.expired", "approval.superseded", "action.begun", "action.done", "undo.done",
                          "remediation.ended")  # fmt: skip
        yield Sentence(text=told, cites=ref(entries))


def _asked_and_done(rem: Remediation, m: Material) -> str:
    words = in_words(rem.action)
    parts = [f"{rem.id}, {one_line(words, 150)}: {_by(rem, m)}"]
    if rem.begun_at:
        parts.append(f"begun at {at(rem.begun_at, began(m.incident))} UTC")
    if rem.begun_at and rem.ended_at:
        parts.append(f"ended {span(rem.ended_at - rem.begun_at)} later")
    if rem.state == "rejected" and rem.reason:
        parts.append(f"because: {one_line(rem.reason, 150)}")
    else:
        parts.append(_ENDS[rem.state])
    return ", ".join(parts)


def _by(rem: Remediation, m: Material) -> str:
    if rem.alone:
        return "allowed by policy, so nobody was asked"
    if rem.decided_by and rem.state != "rejected":
        groups = " (on call)" if rem.on_call else ""
        waited = f" {span(rem.decided_at - rem.asked_at)} after it was asked" if rem.decided_at and rem.asked_at else ""
        return f"approved by {m.who(rem.decided_by)}{groups}{waited}"
    if rem.decided_by:
        return f"rejected by {m.who(rem.decided_by)}"
    if rem.state == "asked" and rem.asked_at:
        return f"asked at {at(rem.asked_at, began(m.incident))} UTC"
    return "not approved by anybody" if rem.asked_at else "nobody was asked"
