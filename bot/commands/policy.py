"""`sre-bot policy`: what the limits say, without Slack and without doing anything."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from core.diagnosis import Decision
from core.errors import ConfigError, Unreachable
from core.settings import load_settings
from policies.decide import MALFORMED, Policy, load
from policies.engine import UNAVAILABLE
from policies.plain import MAX_BYTES, Malformed, parse


@click.group()
def policy() -> None:
    """The limits: what may be done alone, what a person approves, what is never done."""


@policy.command()
@click.argument("file", metavar="FILE|-")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def check(file: str, as_json: bool) -> None:
    """Say what the policy decides of each action and its facts. Nothing is done.

    FILE holds one JSON object {"action": {...}, "facts": {...}}, or one on each line; - reads lines as they come.
    What SRE_CONFIG says of approvers and OPA_URL counts.
    """
    held = load(load_settings(os.environ))
    unavailable = False
    for line in _lines_of_stdin() if file == "-" else _documents_of(Path(file)):
        decision = _decide(held, line)
        click.echo(
            decision.model_dump_json() if as_json else _as_text(decision, held)
        )  # flushes, so that a reader may wait
        unavailable = unavailable or UNAVAILABLE in decision.codes
    if unavailable:
        raise Unreachable("The OPA server did not decide, so the answer was deny; check OPA_URL and that it runs.")


def _decide(held: Policy, line: bytes) -> Decision:
    try:
        action, facts = parse(line)
    except Malformed:
        return held.refuse(MALFORMED)
    return held.decide(action, facts)


def _lines_of_stdin() -> Iterator[bytes]:
    """Each line as it arrives; of one that is too long, as much as shows that."""
    stream = sys.stdin.buffer
    while line := stream.readline(MAX_BYTES + 2):
        rest = line
        while not rest.endswith(b"\n") and (rest := stream.readline(MAX_BYTES)):
            pass
        yield line


def _documents_of(path: Path) -> list[bytes]:
    """The file as one document if it is one, else its lines. Raises: ConfigError when it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return content.removesuffix(b"\n").split(b"\n")
    return [content]


def _as_text(decision: Decision, held: Policy) -> str:
    said = [f"  {code}: {held.explain(code)}" for code in decision.codes]
    return "\n".join(
        [decision.verdict, *(said or ["  Nothing stands in the way."]), f"  policy {decision.policy_hash[:12]}"]
    )
