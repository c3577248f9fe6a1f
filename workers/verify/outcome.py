"""What is remembered of how an incident's actions went, in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.command import Fix
from core.diagnosis import ActionKind
from core.mask import mask
from core.remediation import Remediation, State

_LONGEST_REASON = 120
_LONGEST_FIX = 200
_DONE: dict[ActionKind, str] = {
    "restart_pod": "pod restarted", "restart_deployment": "restarted", "scale_deployment": "scaled to {replicas}",
    "rollback_deployment": "rolled back", "rollback_release": "release rolled back", "cordon_node": "node cordoned",
    "uncordon_node": "node uncordoned", "drain_node": "node drained", "silence_alert": "silenced",
    "rerun_job": "job run again", "rotate_credentials": "credentials rotated",
    "shift_traffic": "traffic shifted to {to}",
    "delete_namespace": "namespace deleted", "uninstall_release": "release uninstalled",
    "set_resources": "limits changed",
}  # fmt: skip
_ENDED: Mapping[State, str] = {
    "worked": "held", "undone": "made it worse, taken back", "unproven": "made no difference",
    "interrupted": "not known whether it was done", "failed": "could not be done",
}  # fmt: skip


def outcome_of(remediations: Iterable[Remediation], fix: Fix | None = None) -> str:
    """How an incident's actions went, in order: "rolled back, held", "restarted, made no difference;
    rolled back, held", "rejected: it is the payment window". "" when nothing was done and nobody decided.

    Args:
        fix: What a person said had fixed it, which comes first: "fixed by: the certificate was renewed; restarted,
            made no difference".
    """
    said = [words for each in sorted(remediations, key=lambda r: (r.created_at, r.number)) if (words := _words(each))]
    by_hand = [f"fixed by: {' '.join(mask(fix.what).split())[:_LONGEST_FIX]}"] if fix else []
    return "; ".join(dict.fromkeys([*by_hand, *said]))


def _words(remediation: Remediation) -> str:
    action = remediation.action
    done = _DONE[action.kind].format_map({"replicas": "?", "to": "?"} | action.params)
    if remediation.state == "rejected":
        reason = " ".join(mask(remediation.reason or "").split())[:_LONGEST_REASON]
        return f"rejected: {reason}" if reason else "rejected"
    ended = _ENDED.get(remediation.state)
    return f"{done}, {ended}" if ended else ""
