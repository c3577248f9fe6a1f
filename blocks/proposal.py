"""What should be done and what it touches, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from blocks.parts import Part, counted, text
from core.diagnosis import Action, ActionKind, BlastRadius, Proposal


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
