"""`sre-bot doctor`: every connection, permission and setting, one line each: what is wrong and how to mend it."""

from __future__ import annotations

import json
import os

import click

from core.settings import load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON array, for programs.")
def doctor(as_json: bool) -> None:
    """Check every connection, permission and setting."""
    from workers.checkup import checkup

    failed = False
    found = []
    for check in checkup(load_settings(os.environ)):
        failed |= check.state == "fail"
        found.append(check)
        if not as_json:
            click.echo(f"{check.state:4}  {check.name:20} {check.says}")
    if as_json:
        click.echo(json.dumps([check.model_dump() for check in found]))
    if failed:
        raise SystemExit(1)
