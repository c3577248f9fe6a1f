"""What should be done and what it touches, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from blocks.parts import Block, Line, Part, bold, code, counted, marks, message, rich, small, text
from core.diagnosis import Action, ActionKind, BlastRadius, Decision, Proposal, Verdict
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
        [*touches(proposal.blast_radius), text(f" · {where(proposal)}", 200)],
        [text("For the cause above"), *marks(proposal.evidence)],
        list(_verdict(proposal.decision)),
    ]
    blocks: list[Block] = [rich(*lines), small("Proposed and recorded; nothing has been changed.")]
    return message(f"Proposed: {what}. {_VERDICTS[proposal.decision.verdict]}", blocks)


def where(proposal: Proposal) -> str:
    """The target and its namespace."""
    namespace = proposal.action.namespace
    return f"{proposal.target} in {namespace}" if namespace else proposal.target


def touches(radius: BlastRadius | None) -> Iterator[Part]:
    """The blast radius, on one line."""
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


_PHRASES: dict[ActionKind, str] = {
    "restart_pod": "restart the pod {name}",
    "restart_deployment": "restart {name}, pod by pod",
    "scale_deployment": "scale {name} to {replicas} replicas",
    "rollback_deployment": "roll {name} back to revision {revision}",
    "rollback_release": "roll the release {name} back to revision {revision}",
    "cordon_node": "keep new pods off the node {name}",
    "uncordon_node": "let the node {name} take pods again",
    "drain_node": "move all pods off the node {name}",
    "silence_alert": "silence {matchers} for {duration_minutes} minutes",
    "rerun_job": "run the job {name} again",
    "rotate_credentials": "rotate the credentials of {name} by {template}",
    "shift_traffic": "shift the traffic of {name} to {to}",
    "delete_namespace": "delete the namespace {name}",
    "uninstall_release": "uninstall the release {name}",
    "set_resources": "give {container} of {name} {limits}",
}


def in_words(action: Action) -> str:
    """The action as somebody would say it; foreign names in it."""
    given = defaultdict(lambda: "?", {key: str(value) for key, value in action.params.items() if value is not None})
    phrase = _PHRASES[action.kind]
    if "revision" not in given:
        phrase = phrase.replace("revision {revision}", "the revision before")
    given["matchers"] = _matchers(action.params.get("matchers")) or action.name
    limits = [f"a {key.replace('_', ' ')} of {given[key]}" for key in ("memory_limit", "cpu_limit") if key in given]
    given["limits"] = " and ".join(limits) or "other limits"
    return phrase.format_map(given | {"name": action.name})


def _matchers(raw: object) -> str:
    """Matchers in the catalogue's form, as Alertmanager writes them."""
    found = [m for m in raw if isinstance(m, dict)] if isinstance(raw, list | tuple) else []
    signs = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    return ", ".join(
        f"{m.get('name')}{signs[bool(m.get('isEqual', True)), bool(m.get('isRegex'))]}{m.get('value')}" for m in found
    )
