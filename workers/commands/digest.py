"""`sre-bot digest`: what a channel's digest would say, in a terminal, from stored state."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from blocks.digest import digest_lines
from blocks.digest_thread import details
from blocks.parts import as_text
from core.digest import Digest
from core.digest_times import digest_times, zone_of
from core.errors import ConfigError, Malformed
from core.grouping_settings import zone
from core.records import open_records
from core.redis import release
from core.settings import load_settings
from core.since import since
from workers.digest.making import make
from workers.digest.material import Period, scope


@click.command()
@click.option("--since", "start", default="24h", show_default=True, help="24h, 7d, mon, yesterday or 2026-11-27.")
@click.option("--channel", default="", help="As for this channel: its services and its time zone. Else all services.")
@click.option("--timezone", "named", default="", help="Where days begin and times are told, as Europe/Berlin.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def digest(start: str, channel: str, named: str, as_json: bool) -> None:
    """What changed, what broke and what got noisy. Asks nothing but the records."""
    settings = load_settings(os.environ)
    records = open_records(settings)
    try:
        zone_name = _zone(named) if named else zone_of(records, channel).key
        now = records.now()
        try:
            begin: datetime = since(start, now, ZoneInfo(zone_name))
        except Malformed as error:
            raise click.BadParameter(str(error), param_hint="--since") from error
        services = scope(channel, digest_times(records).get(channel), settings) if channel else None
        found = make(records, Period(begin, now, zone_name, services))
    finally:
        release(settings, records.redis)
    click.echo(json.dumps(found.model_dump(mode="json")) if as_json else as_lines(found))


def as_lines(found: Digest) -> str:
    """The message and what belongs to it, for a terminal."""
    lines = ["".join(as_text(part) for part in line) for line in digest_lines(found, greets=False)]
    for title, more in details(found) if not found.is_quiet else ():
        lines += ["", f"{title}:", *("  " + "".join(as_text(part) for part in line) for line in more)]
    return "\n".join(re.sub(r"\s+$", "", line) for line in lines)


def _zone(name: str) -> str:
    try:
        return zone(name)
    except ValueError as error:
        raise ConfigError(f"--timezone: {error}.") from error
