"""`sre-bot postmortem`: the draft in a terminal. It posts nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from core.errors import NotFound
from core.log import configure_logging
from core.records import Records, open_records
from core.redis import release
from core.settings import Settings, load_settings


@click.command()
@click.argument("incident")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), metavar="FILE",
    help="Write it to a file instead.",
)  # fmt: skip
def postmortem(incident: str, as_json: bool, output: Path | None) -> None:
    """A draft of INCIDENT's postmortem from its ledger, thread and metrics, as markdown.

    Every sentence names its sources. With ANTHROPIC_API_KEY Claude writes it, without it is assembled.
    """
    settings = load_settings(os.environ)
    configure_logging(settings.secrets(), level=40)
    records = open_records(settings)
    try:
        said = _drafted(incident, as_json, settings, records)
    finally:
        release(settings, records.redis)
    if output:
        output.write_text(said, encoding="utf-8")
        click.echo(f"Written to {output}: a draft, which nobody has confirmed.", err=True)
    else:
        click.echo(said, nl=False)


def _drafted(asked: str, as_json: bool, settings: Settings, records: Records) -> str:
    from workers.adapters.slack import SlackAdapter
    from workers.postmortem.markdown import as_markdown
    from workers.postmortem.material import metrics_of, read
    from workers.postmortem.write import write
    from workers.wiring import open_metrics

    found = re.fullmatch(r"(?:inc-?)?(\d{1,9})", asked.strip(), re.IGNORECASE)
    name = f"INC-{int(found[1])}" if found else asked
    incident = records.incidents.holder(name)
    if incident is None:
        raise NotFound(f"There is no {name}; sre-bot status lists the incidents of the last day.")
    if incident.id != name:
        click.echo(f"{name} was merged into {incident.id}, so this is that one's.", err=True)
    slack = SlackAdapter(settings) if settings.slack_bot_token else None
    material = read(incident, records, slack, metrics_of(incident, lambda name: open_metrics(settings, name)))
    draft = write(material, settings)
    if as_json:
        return (
            draft.model_copy(update={"number": len(records.postmortems.posted(incident.id)) + 1}).model_dump_json()
            + "\n"
        )
    return as_markdown(draft)
