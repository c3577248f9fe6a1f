"""Front matter: what is read, what is refused, and what is left alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.errors import ConfigError
from workers.predicate import compiled
from workers.runbook import Runbook, fill, fill_params, parse_runbook, starter_runbooks

GOOD = """---
title: Cart forgets
alerts: [CartForgets]
cause:
  statement: ["{name} forgets: {log}", "{name} forgets"]
signals:
  - {finding: CrashLoopBackOff, required: true, weight: 0.6}
  - {log: "lost basket", weight: 0.5}
actions:
  - {kind: rollback_deployment, when: {change: {within_minutes: 30}}}
---
# Cart forgets

Baskets are lost.
"""


def refused(old: str, new: str) -> str:
    """What is said of the good runbook with one part changed."""
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse_runbook("cart", "team/cart.md", GOOD.replace(old, new))
    return str(caught.value)


def test_front_matter_becomes_signals_cause_and_actions() -> None:
    book = parse_runbook("cart", "team/cart.md", GOOD)
    assert (book.id, book.title, book.alerts) == ("cart", "Cart forgets", ("CartForgets",))
    assert book.text.startswith("# Cart forgets")
    assert book.signals[0].finding is not None
    assert book.signals[0].finding.condition == ("CrashLoopBackOff",)
    assert book.signals[1].log == ("lost basket",)
    assert book.actions[0].kind == "rollback_deployment"


def test_it_survives_storage() -> None:
    book = parse_runbook("cart", "team/cart.md", GOOD)
    assert Runbook.model_validate_json(book.model_dump_json()) == book


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("alerts:", "alarms:", "alarms is not a known key"),
        ("weight: 0.5", "wieght: 0.5", "signals.1.wieght is not a known key"),
        ("weight: 0.5", "weight: 1.5", "signals.1.weight"),
        ("finding: CrashLoopBackOff", "finding: Crashing", "signals.0.finding.condition"),
        ('log: "lost basket"', 'log: "lost (basket"', "signals.1.log.0: not a regular expression"),
        ('log: "lost basket"', 'log: "(lost basket"', "not a regular expression"),
        ('log: "lost basket"', 'log: "a", event: "b"', "give exactly one of"),
        ('log: "lost basket"', "reading: {name: error_ratio}", "give above, below or times_normal"),
        ('"{name} forgets"]', '"{nmae} forgets"]', "knows no {nmae}"),
        ('"{name} forgets"]', '"{name} forgets: {image}"]', "the last statement may only use"),
        ("kind: rollback_deployment", "kind: run_shell", "actions.0.kind"),
        ("kind: rollback_deployment", "kind: scale_deployment", "replicas is missing, unknown or of a wrong type"),
        ("kind: rollback_deployment", "kind: restart_pod, params: {force: true}", "force is missing, unknown"),
        ("cause:\n  statement:", "cause:\n  statment:", "cause.statement is missing"),
        ("title: Cart forgets", "title: [", "not valid YAML at line"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(old: str, new: str, said: str) -> None:
    message = refused(old, new)
    assert message.startswith("team/cart.md: ")
    assert said in message


def test_a_pattern_that_would_run_for_ever_finds_nothing() -> None:
    began = time.monotonic()
    assert compiled("(a|aa)+$").search("a" * 60 + "b") is None
    assert time.monotonic() - began < 2
    assert compiled("(a|aa)+$").search("aaa")


def test_signals_without_any_weight_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one needs a weight"):
        parse_runbook("cart", "cart.md", GOOD.replace("weight: 0.6", "weight: 0").replace("weight: 0.5", "weight: 0"))


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        ("# Disk full\n\nDelete logs.\n", "Disk full", "# Disk full\n\nDelete logs.\n"),
        ("Delete logs.\n", "disk full", "Delete logs.\n"),
        ("---\ntitle: Disk\nweight: 20\ntags: [a]\n---\nText", "Disk", "Text"),
        ("---\nNot yaml: at: all\n---\nText", "disk full", "---\nNot yaml: at: all\n---\nText"),
        ("# A\n\n---\n\nrule\n\n---\n\nmore", "A", "# A\n\n---\n\nrule\n\n---\n\nmore"),
        ("---\njust a rule\n---\nmore", "disk full", "---\njust a rule\n---\nmore"),
        ("\ufeff---\ntitle: Disk\n---\nText", "Disk", "Text"),
    ],
)
def test_an_ordinary_document_is_text_alone(text: str, title: str, body: str) -> None:
    book = parse_runbook("disk-full", "docs/disk-full.md", text)
    assert (book.title, book.text, book.signals, book.cause) == (title, body, (), None)


def test_an_id_in_the_front_matter_wins() -> None:
    assert parse_runbook("x", "x.md", GOOD.replace("title:", "id: cart-forgets\ntitle:")).id == "cart-forgets"


def test_values_are_filled_in_once_and_never_formatted() -> None:
    values = {"name": "{target.__class__} {log}", "log": "a{name}b"}
    assert fill("{name} says {log}", values) == "{target.__class__} {log} says a{name}b"
    assert fill("{name} of {image}", {"name": "x", "image": ""}) is None


def test_parameters_are_filled_with_values_of_their_own_type() -> None:
    assert fill_params({"replicas": "{more_replicas}"}, {"more_replicas": 5}) == {"replicas": 5}
    assert fill_params({"replicas": "{more_replicas}"}, {"more_replicas": None}) is None


def test_the_example_in_the_documentation_is_valid() -> None:
    page = (Path(__file__).parents[3] / "docs" / "runbooks.md").read_text(encoding="utf-8")
    example = page.split("```markdown\n")[1].split("```")[0]
    book = parse_runbook("basket", "basket.md", example)
    assert (book.title, len(book.signals)) == ("Basket service forgets baskets", 3)


def test_the_starter_set_is_read_once() -> None:
    assert starter_runbooks() is starter_runbooks()
