"""`sre-bot status`: what `/sre status` says."""

from __future__ import annotations

import json

import click

from blocks.status import deploy_words, firing_words
from bot.commands.ledger import opened_records
from core.incident import Incident
from core.rolled import Rolled
from core.status import read_status
from policies.files import own_actions


@click.command()
@click.argument("service", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def status(service: str | None, as_json: bool) -> None:
    """Open incidents, firing alerts, deploys, mode, and what cannot be reached, from stored state."""
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
    if found.firing:
        click.echo(f"{': '.join(firing_words(found.firing))}.")
    if found.deploys:
        click.echo(f"Deploys, last 6 h: {', '.join(map(_deploy, found.deploys))}.")
    for incident_id, used in found.own_actions.items():
        click.echo(f"{used} of {own_actions()} actions used on {incident_id}.")
    for name, since in found.unreachable.items():
        click.echo(f"Cannot reach {name} since {since:%H:%M} UTC.")


def _deploy(rolled: Rolled) -> str:
    before, after = deploy_words(rolled)
    return f"{before} ({rolled.at:%H:%M} UTC{f', {after}' if after else ''})"


def _line(incident: Incident) -> str:
    when = f"since {incident.opened_at:%H:%M} UTC" if incident.is_open else f"resolved {incident.resolved_at:%H:%M} UTC"
    return (
        f"{incident.id} {incident.severity} {incident.state}: {incident.title} ({when}, {len(incident.alerts)} alerts)"
    )
