"""`sre-bot ledger`: the black box."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

import click

from core.errors import ConfigError
from core.ledger import Entry
from core.records import Records, open_records
from core.settings import load_settings


@contextmanager
def opened_records() -> Iterator[Records]:
    """The records of the environment, closed afterwards.

    Raises: ConfigError, Unreachable.
    """
    from core.redis import release

    settings = load_settings(os.environ)
    records = open_records(settings)
    try:
        yield records
    finally:
        release(settings, records.redis)


@click.group()
def ledger() -> None:
    """Every decision, click and effect, in a chain that shows tampering."""


@ledger.command()
@click.option("--head", metavar="SEQ:HASH", help="A head noted elsewhere, as posted daily: finds truncation too.")
def verify(head: str | None) -> None:
    """Recompute the chain; name the first bad entry."""
    with opened_records() as records:
        broken = records.ledger.verify(_noted(head) if head else None)
        seq, digest = records.ledger.head()
        begins = records.ledger.begins()
    if broken:
        click.echo(f"The chain breaks at entry {broken.seq}: {broken.why}.")
        raise SystemExit(1)
    kept = f"{seq} entries" if begins == 1 else f"entries {begins} to {seq}"
    click.echo(f"The chain holds: {kept}, head {seq}:{digest}.")


@ledger.command()
@click.argument("incident")
def show(incident: str) -> None:
    """Replay an incident's decisions as a timeline."""
    with opened_records() as records:
        entries = records.ledger.of_incident(incident)
    if not entries:
        click.echo(f"The ledger has nothing of {incident}.", err=True)
        raise SystemExit(1)
    for entry in entries:
        click.echo(timeline_line(entry))


@ledger.command()
def export() -> None:
    """Every entry as JSON Lines, oldest first, hashes included."""
    with opened_records() as records:
        for entry in records.ledger.entries():
            click.echo(entry.model_dump_json())


@ledger.command()
@click.option("--before", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Entries of earlier days (UTC) go.")
@click.option("--exported", required=True, type=click.File(encoding="utf-8"), help="What `ledger export` wrote.")
def trim(before: datetime, exported: TextIO) -> None:
    """Drop old entries that an export holds; it is compared entry by entry first."""
    with opened_records() as records:
        who = f"{getpass.getuser()} in a terminal"
        noted = records.ledger.trim(_read(exported), before.replace(tzinfo=UTC), actor=who, at=records.now())
    if noted is None:
        click.echo(f"No entry is older than {before:%Y-%m-%d}; nothing was trimmed.")
    else:
        click.echo(f"Trimmed up to entry {noted.data['through']}; entry {noted.seq} says so. Keep {exported.name}.")


def _read(exported: TextIO) -> Iterator[Entry]:
    for number, line in enumerate(exported, start=1):
        try:
            yield Entry.model_validate_json(line)
        except ValueError as error:
            raise ConfigError(f"Line {number} of {exported.name} is not an entry; export again.") from error


def timeline_line(entry: Entry) -> str:
    """One entry as a line: when, what, who, and its facts."""
    facts = ", ".join(
        f"{key} {value if isinstance(value, str) else json.dumps(value)}" for key, value in entry.data.items()
    )
    return f"#{entry.seq} {entry.at:%Y-%m-%d %H:%M:%S} {entry.event} by {entry.actor}{': ' + facts if facts else ''}"


def _noted(head: str) -> tuple[int, str]:
    seq, _, digest = head.partition(":")
    if not seq.isdigit() or len(digest) != 64:
        raise ConfigError(
            "Write --head as the daily post shows it: the entry's number, a colon, 64 hexadecimal digits."
        )
    return int(seq), digest
