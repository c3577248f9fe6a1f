"""What should be done, what it touches, and what policy says of it."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.parts import Block, Line, Part, bold, code, counted, marks, message, rich, small, text
from core.diagnosis import Action, BlastRadius, Decision, Proposal, Verdict
from core.outbox import View

_VERDICTS: dict[Verdict, str] = {
    "allow": "Policy allows it",
    "ask": "Policy allows it with a person's approval",
    "deny": "Policy refuses it",
}


def proposal_view(proposal: Proposal) -> View:
    """One proposed action, from its stored record. Nothing is run by showing it."""
    what = in_words(proposal.action)
    lines: list[Line] = [
        [bold(f"Proposed: {what}", 400)],
        [*_touches(proposal.blast_radius), text(f" · {where(proposal)}", 200)],
        [text(f"Why: {proposal.reason}", 500), *marks(proposal.evidence)],
        list(_verdict(proposal.decision)),
    ]
    blocks: list[Block] = [rich(*lines), small("Proposed and recorded; nothing has been changed.")]
    return message(f"Proposed: {what}. {_VERDICTS[proposal.decision.verdict]}", blocks)


def where(proposal: Proposal) -> str:
    """The target and its namespace."""
    namespace = proposal.action.namespace
    return f"{proposal.target} in {namespace}" if namespace else proposal.target


def _touches(radius: BlastRadius | None) -> Iterator[Part]:
    if radius is None:
        yield text("What it touches could not be worked out, so a person has to")
        return
    yield text(f"Touches {counted(radius.pods, 'pod')}, {counted(radius.services, 'service')}")
    if radius.downstream:
        names = ", ".join(radius.downstream[:5]) + (" and others" if len(radius.downstream) > 5 else "")
        yield text(f"; {names} depend{'s' if len(radius.downstream) == 1 else ''} on it", 250)
    else:
        yield text("; nothing known depends on it")


def _verdict(decision: Decision) -> Iterator[Part]:
    yield text(_VERDICTS[decision.verdict])
    for position, rule in enumerate(decision.codes[:8]):
        yield text(": " if position == 0 else ", ")
        yield code(rule, 80)


def in_words(action: Action) -> str:
    """The action as somebody would say it; foreign names in it."""
    name = action.name
    given = {key: str(value) for key, value in action.params.items() if value is not None}
    revision = f"revision {given['revision']}" if "revision" in given else "the revision before"
    match action.kind:
        case "restart_pod":
            return f"restart the pod {name}"
        case "restart_deployment":
            return f"restart {name}, pod by pod"
        case "scale_deployment":
            return f"scale {name} to {given.get('replicas', '?')} replicas"
        case "rollback_deployment":
            return f"roll {name} back to {revision}"
        case "rollback_release":
            return f"roll the release {name} back to {revision}"
        case "cordon_node":
            return f"keep new pods off the node {name}"
        case "uncordon_node":
            return f"let the node {name} take pods again"
        case "drain_node":
            return f"move all pods off the node {name}"
        case "silence_alert":
            return f"silence {given.get('matchers', name)} for {given.get('duration_minutes', '?')} minutes"
        case "rerun_job":
            return f"run the job {name} again"
        case "rotate_credentials":
            return f"rotate the credentials of {name} by {given.get('template', '?')}"
        case "shift_traffic":
            return f"shift the traffic of {name} to {given.get('to', '?')}"
        case "delete_namespace":
            return f"delete the namespace {name or action.namespace}"
        case "uninstall_release":
            return f"uninstall the release {name}"
        case "set_resources":
            limits = [f"{key.removesuffix('_limit')} limit {given[key]}" for key in ("memory_limit", "cpu_limit") if key in given]
            return f"give {given.get('container', 'a container')} of {name} {' and '.join(limits) or 'other limits'}"
