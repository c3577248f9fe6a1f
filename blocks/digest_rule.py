"""The modal that shows what to change in an alert's rule, and what its firings say of that."""

from __future__ import annotations

import json
import re
from typing import Any

from blocks.digest_words import about, change_words, go_span, weeks
from blocks.parts import TITLE_CHARS, Block, Line, bold, clean, counted, fit, preformatted, rich, small, spoken, text
from core.digest import RuleChange

RULE_MODAL = "digest_rule_change"
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_:]*")


def rule_modal(change: RuleChange) -> dict[str, Any]:
    """The payload of views.open."""
    head: list[Line] = [
        [bold(change.alert, 150)],
        spoken(f"{change_words(change)}.", 300),
        [text(_evidence(change), 500)],
    ]
    blocks: list[Block] = [rich(*head), preformatted(patch(change), 1500), rich([text(_cost(change), 500)])]
    if where := _where(change):
        blocks.append(small(clean(where, 300)))
    return {
        "type": "modal", "callback_id": RULE_MODAL,
        "title": {"type": "plain_text", "text": fit("Rule change", TITLE_CHARS)},
        "close": {"type": "plain_text", "text": "Close"}, "blocks": blocks,
    }  # fmt: skip


def patch(change: RuleChange) -> str:
    """The rule's lines as a diff; what stays as it is, is left out."""
    name = change.alert if _BARE.fullmatch(change.alert) else json.dumps(change.alert, ensure_ascii=False)
    lines = [f" - alert: {name}", "   # expr and all else as it is"]
    if change.kind == "for" and change.rule is None:
        lines += [f"   # Prometheus did not tell the present `for`: make it {go_span(change.seconds)} longer"]
    elif change.kind == "for" and change.rule:
        old = [f"-  for: {go_span(change.rule.for_s)}"] if change.rule.for_s else []
        lines += [*old, f"+  for: {go_span(change.seconds)}"]
    elif change.kind == "keep_firing_for":
        now = change.rule.keep_firing_for_s if change.rule else 0
        old = [f"-  keep_firing_for: {go_span(now)}"] if now else []
        lines += [*old, f"+  keep_firing_for: {go_span(change.seconds)}"]
    elif change.kind == "lower":
        lines += ["   labels:", "+    severity: info  # or whatever makes a ticket of it where you are"]
    else:
        return "\n".join(f"-{line[1:]}" for line in lines[:1]) + "\n-  # the whole rule"
    return "\n".join(lines)


def _evidence(change: RuleChange) -> str:
    known = f"{counted(change.firings, 'firing')} in {weeks(change.days)}"
    if change.kind == "for":
        return f"{known}: {change.removed:,} of them ended within {about(change.within_s)}, and nobody acted on those."
    if change.kind == "keep_firing_for":
        return f"{known}: {change.removed:,} of them came back within {about(change.within_s)} of their own end."
    return f"{known}, and nobody acted on any: no action, no acknowledgement, not a word."


def _cost(change: RuleChange) -> str:
    acted = {0: "Nobody acted on any of them", 1: "The one that somebody acted on is kept"}.get(
        change.acted, f"The {change.acted:,} that somebody acted on are all kept"
    )
    later = about(change.later_s)
    if change.kind == "for":
        return f"{acted}. The price: what is still shown comes {later} later."
    if change.kind == "keep_firing_for":
        return f"{acted}. The price: it is said to be over {later} later."
    return "The price: if one day it matters, nobody hears of it at once. Ask whoever wrote it first."


def _where(change: RuleChange) -> str:
    if change.rule is None or not change.rule.file:
        return ""
    group = f"group {change.rule.group} in " if change.rule.group else ""
    return fit(f"Prometheus reads it from {group}{change.rule.file}", 300)
