"""`sre-bot status`: what `/sre status` says."""

from __future__ import annotations

import json

import click

from bot.commands.ledger import opened_records
from core.incident import Incident
from core.status import read_status


@click.command()
@click.argument("service", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def status(service: str | None, as_json: bool) -> None:
    """Open incidents, firing alerts, mode, and what cannot be reached, from stored state."""
    with opened_records() as records:
        found = read_status(records, service)
    if as_json:
        click.echo(json.dumps(found.as_json()))
        return
    still_open = [i for i in found.incidents if i.is_open]
    click.echo(f"{len(still_open)} open, {found.alerts_firing} alerts firing, mode {found.mode}"
               f"{', paused' if found.paused else ''}.")  # fmt: skip
    for incident in found.incidents:
        click.echo(_line(incident))
    for name, since in found.unreachable.items():
        click.echo(f"Cannot reach {name} since {since:%H:%M} UTC.")


def _line(incident: Incident) -> str:
    when = f"since {incident.opened_at:%H:%M} UTC" if incident.is_open else f"resolved {incident.resolved_at:%H:%M} UTC"
    return (
        f"{incident.id} {incident.severity} {incident.state}: {incident.title} ({when}, {len(incident.alerts)} alerts)"
    )
