"""The forms behind a card: all that stands behind a proposal, and why it is rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blocks.approval import DETAILS, afterwards, names, what
from blocks.parts import TITLE_CHARS, Block, Line, bold, code, fit, marks, preformatted, rich, spoken, text
from blocks.proposal import touches, where
from core.entitled import nobody
from core.remediation import Remediation
from core.settings import Approvers

REJECT_MODAL = "reject_remediation"
REASON_BLOCK = "reason"
REASON_FIELD = "reason_text"
REASON_CHARS = 500
_MOST_NAMES = 20


def reject_modal(remediation: Remediation, metadata: str = "") -> dict[str, Any]:
    """Asks why. `metadata` comes back with the submission: where to answer."""
    return {
        "type": "modal", "callback_id": REJECT_MODAL, "private_metadata": metadata,
        "title": {"type": "plain_text", "text": fit(f"Reject {remediation.id}", TITLE_CHARS)},
        "submit": {"type": "plain_text", "text": "Reject"}, "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            rich([text(f"Not to be done: {what(remediation)}.", 400)]),
            {
                "type": "input", "block_id": REASON_BLOCK,
                "label": {"type": "plain_text", "text": "Why? I remember it for the next time."},
                "element": {
                    "type": "plain_text_input", "action_id": REASON_FIELD, "multiline": True,
                    "max_length": REASON_CHARS, "focus_on_load": True,
                },
            },
        ],
    }  # fmt: skip


def details_modal(remediation: Remediation, sentences: Mapping[str, str], approvers: Approvers) -> dict[str, Any]:
    """All that stands behind the card: the dry run, the facts, the policy, and what an approval is bound to."""
    rem, decision = remediation, remediation.proposal.decision
    blocks: list[Block] = [
        rich(
            [bold(what(rem), 400)],
            [*spoken(f"Why: {rem.proposal.reason}", 600), *marks(rem.proposal.evidence, 12)],
            [*touches(rem.proposal.blast_radius), text(f" · {where(rem.proposal)}", 200)],
            [text(afterwards(rem), 800)],
            _everybody(approvers),
        )
    ]
    dry_run = rem.dry_run
    said = dry_run.says if dry_run else "There was none yet."
    blocks.append(rich([bold("Dry run "), text(said, 600)]))
    if dry_run and dry_run.change:
        blocks.append(preformatted("\n".join(dry_run.change), 2500))
    if rem.target and rem.target.facts:
        facts = "\n".join(f"{name}: {value}" for name, value in rem.target.facts.items())
        blocks += [rich([bold("The target, as it was read")]), preformatted(facts, 2500)]
    blocks.append(rich([bold("Policy "), code(decision.policy_hash[:12] or "unknown")], *_rules(rem, sentences)))
    if rem.digest:
        bound = "An approval is bound to this action, this policy and the target as it is: "
        blocks.append(rich([text(bound), code(rem.digest[:12])]))
    return {
        "type": "modal", "callback_id": DETAILS,
        "title": {"type": "plain_text", "text": fit(f"Details of {rem.id}", TITLE_CHARS)},
        "close": {"type": "plain_text", "text": "Close"}, "blocks": blocks,
    }  # fmt: skip


def _everybody(approvers: Approvers) -> Line:
    if nobody(approvers):
        return [text("Nothing can be approved: "), code("approvers"), text(" in SRE_CONFIG names nobody.")]
    everybody = (*approvers.groups, *approvers.users)
    more = [text(f" and {len(everybody) - _MOST_NAMES} more")] if len(everybody) > _MOST_NAMES else []
    return [text("May approve: "), *names(everybody[:_MOST_NAMES], approvers.on_call), *more]


def _rules(rem: Remediation, sentences: Mapping[str, str]) -> Iterator[Line]:
    for rule in rem.proposal.decision.codes[:30]:
        yield [code(rule, 80), text(f" {sentences.get(rule, '')}", 250)]
    if not rem.proposal.decision.codes:
        yield [text("It is allowed without a person.")]
