"""`sre-bot metrics`: what `/sre metrics` says, and every incident as a line for other programs."""

from __future__ import annotations

import json

import click

from blocks.measures import measures_view
from blocks.parts import as_text
from bot.commands.ledger import opened_records
from core.incidents_table import as_csv
from core.measures import Report, report
from core.periods import NoPeriod
from core.questions import Question, read_question
from core.records import Records
from core.tallying import tally


@click.command()
@click.argument("service", required=False)
@click.option("--since", default="30d", show_default=True, metavar="TIME", help="7d, 4w, or a day, as 2026-11-01.")
@click.option("--csv", "as_table", is_flag=True, help="One incident a line, for spreadsheets.")
@click.option("--json", "as_json", is_flag=True, help="The figures as one JSON object, for programs.")
def metrics(service: str | None, since: str, as_table: bool, as_json: bool) -> None:
    """How long incidents take, who is called, what the bot did alone and what it cost, from stored state.

    Every figure is defined in docs/metrics.md.
    """
    with opened_records() as records:
        try:
            asked = read_question(f"{since} {service or ''}", records.settings.config.services, records.now())
        except NoPeriod as error:
            raise click.UsageError(str(error)) from error
        if as_table:
            click.echo(_table(asked, records), nl=False)
            return
        tally(records)
        found = report(records, asked.period, asked.service)
        if as_json:
            click.echo(json.dumps(_as_json(found)))
        else:
            click.echo(_as_text(found))


def _table(asked: Question, records: Records) -> str:
    rows = records.facts.between(asked.period.start, asked.period.end)
    return as_csv(row for row in rows if asked.service in (None, row.service))


def _as_text(found: Report) -> str:
    blocks = measures_view(found, "").blocks
    return "\n\n".join(as_text(block) for block in blocks if block["type"] == "rich_text")


def _as_json(found: Report) -> dict[str, object]:
    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {str(key) or "all": plain(held) for key, held in value.items()}
        if isinstance(value, list | tuple):
            return [plain(held) for held in value]
        if hasattr(value, "isoformat"):
            return value.isoformat()
        return {name: plain(held) for name, held in vars(value).items()} if hasattr(value, "__dict__") else value

    def one(name: str) -> object:
        measures = getattr(found, name)
        more = {"autonomy": measures.autonomy, "agreement": measures.agreement, "noise_removed": measures.noise_removed}
        held = plain(measures)
        assert isinstance(held, dict)
        return {**held, **more}

    return {"service": found.service, "now": one("now"), "before": one("before"), "weeks": plain(found.weeks)}
