"""`sre-bot triage` and `sre-bot investigate`: the loop in a terminal, keeping nothing."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import click

from core.diagnosis import Investigation
from core.errors import ConfigError, Unreachable
from core.log import configure_logging
from core.model import utc_now
from core.observation import Observation
from core.settings import Settings, load_settings
from workers.ports import Step
from workers.standing import Standing, standing_of


@click.command()
@click.option("-n", "--namespace", help="Only this namespace; the whole cluster without it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def triage(namespace: str | None, as_json: bool) -> None:
    """What is wrong in the current kube context: facts, no guesses."""
    from workers.adapters.kubernetes import open_cluster
    from workers.loop.observe import triage as look

    started = time.monotonic()
    settings = load_settings(os.environ)
    seen = look(open_cluster(settings), namespace, utc_now(), with_logs=False)
    took_ms = round((time.monotonic() - started) * 1000)
    if as_json:
        click.echo(json.dumps(triage_json(seen, took_ms)))
        return
    for finding in seen.findings:
        where = f"{finding.namespace}/" if finding.namespace else ""
        click.echo(f"{finding.severity:8} {finding.condition:26} {where}{finding.owner}: {finding.message}")
    if not seen.findings:
        click.echo("Nothing is wrong" + (f" in {namespace}." if namespace else " in this cluster."))
    _say_unread(seen.could_not_read)


@click.command()
@click.argument("text")
@click.option("-n", "--namespace", help="Where to look; the whole cluster without it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def investigate(text: str, namespace: str | None, as_json: bool) -> None:
    """Look, recall and reason about TEXT, and propose; changes nothing."""
    from workers.loop.run import run
    from workers.subjects import subject_of
    from workers.wiring import open_outside

    settings = load_settings(os.environ)
    configure_logging(settings.secrets(), level=30)
    now = utc_now()
    subject = subject_of(text, settings.config, namespace)
    begun = Investigation(id="INV-0", subject=subject, started_at=now)
    done = run(begun, open_outside(settings), _Terminal(quiet=as_json), utc_now, standing=_standing(settings))
    if as_json:
        click.echo(json.dumps(investigation_json(done)))
    else:
        click.echo(investigation_text(done))


def _standing(settings: Settings) -> Standing:
    """Pause and mode from stored state; unknown, which never allows, where that cannot be read."""
    from core.records import open_records
    from core.redis import release

    try:
        records = open_records(settings)
    except (Unreachable, ConfigError):
        return Standing()
    try:
        return standing_of(records, None)
    finally:
        release(settings, records.redis)


class _Terminal:
    """Progress on standard error, so that the answer can be piped."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def began(self, stage: str) -> None:
        self._say(f"{stage} …")

    def step(self, step: Step) -> None:
        if step.status == "running":
            self._say(f"  {step.title}")

    def ended(self, stage: str, investigation: Investigation) -> Investigation:
        self._say(f"{stage}: {investigation.took_ms[stage] / 1000:.1f} s")
        return investigation

    def _say(self, line: str) -> None:
        if not self._quiet:
            click.echo(line, err=True)


def triage_json(seen: Observation, took_ms: int) -> dict[str, Any]:
    """The shape that `triage --json` promises."""
    shown = {"condition", "severity", "kind", "namespace", "name", "owner", "message", "evidence"}
    return {
        "findings": [finding.model_dump(mode="json", include=shown) for finding in seen.findings],
        "could_not_read": list(seen.could_not_read),
        "took_ms": took_ms,
    }


def investigation_json(done: Investigation) -> dict[str, Any]:
    """The shape that `investigate --json` promises."""
    diagnosis, recall = done.diagnosis, done.recall
    assert diagnosis and recall
    cause = diagnosis.root_cause
    return {
        "status": diagnosis.status,
        "root_cause": cause.model_dump(include={"condition", "target", "statement"}) if cause else None,
        "confidence": diagnosis.confidence,
        "similarity": round(recall.similarity, 4),
        "claims": [claim.model_dump(mode="json") for claim in diagnosis.claims],
        "evidence": [evidence.model_dump(mode="json") for evidence in done.evidence],
        "could_not_read": list(done.could_not_read),
        "runbooks": [hit.model_dump(include={"id", "title", "score"}) for hit in recall.runbooks],
        "similar_incidents": [hit.model_dump(include={"id", "score", "outcome"}) for hit in recall.incidents],
        "plan": [
            {
                "action": proposal.action.kind,
                "target": proposal.target,
                "params": proposal.action.params,
                "blast_radius": proposal.blast_radius.model_dump(mode="json") if proposal.blast_radius else None,
                "verdict": proposal.decision.verdict,
                "codes": list(proposal.decision.codes),
            }
            for proposal in done.plan or ()
        ],
        "usage": diagnosis.usage.model_dump(),
        "took_ms": done.took_ms,
    }


def investigation_text(done: Investigation) -> str:
    """The same for a person: what, how we know, what next."""
    diagnosis, recall = done.diagnosis, done.recall
    assert diagnosis and recall
    lines = []
    if diagnosis.root_cause:
        best = "Cause" if diagnosis.status == "diagnosed" else "Best guess, not sure enough to act"
        lines.append(f"{best}: {diagnosis.root_cause.statement} ({diagnosis.root_cause.condition}, "
                     f"{diagnosis.root_cause.target}, confidence {diagnosis.confidence:.2f})")  # fmt: skip
    elif diagnosis.status == "diagnosed":
        lines.append("Nothing is wrong.")
    else:
        lines.append("I do not know the cause.")
    lines += [f"  {claim.text} [{', '.join(claim.evidence)}]" for claim in diagnosis.claims]
    lines += [f"  Ruled out: {claim.text} [{', '.join(claim.evidence)}]" for claim in diagnosis.ruled_out]
    lines += [f"  {why}" for why in diagnosis.confidence_why]
    if diagnosis.note:
        lines.append(diagnosis.note)
    if diagnosis.look_next and not (diagnosis.root_cause and diagnosis.status == "diagnosed"):
        lines += ["Look next:", *(f"  {place}" for place in diagnosis.look_next)]
    if recall.runbooks:
        lines.append("Runbooks: " + ", ".join(f"{hit.title} {hit.score:.2f}" for hit in recall.runbooks[:3]))
    for proposal in done.plan or ():
        codes = f" ({', '.join(proposal.decision.codes)})" if proposal.decision.codes else ""
        lines.append(f"Proposed: {proposal.action.kind} {proposal.target}: {proposal.decision.verdict}{codes}")
    lines.append("Evidence:")
    lines += [f"  {e.id} {e.tool}: {e.query}" for e in done.evidence]
    lines += [f"Could not read: {what}" for what in done.could_not_read]
    return "\n".join(lines)


def _say_unread(could_not_read: tuple[str, ...]) -> None:
    for what in could_not_read:
        click.echo(f"Could not read: {what}", err=True)
