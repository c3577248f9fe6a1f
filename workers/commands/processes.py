"""`sre-bot worker` and `sre-bot cron`: the processes that do the work."""

from __future__ import annotations

import os

import click

from core.queues import QUEUES


@click.command()
@click.argument("queues", nargs=-1, required=True, metavar="QUEUE…", type=click.Choice(QUEUES))
@click.option("--once", is_flag=True, help="Run what waits, then stop.")
def worker(queues: tuple[str, ...], once: bool) -> None:
    """Run jobs of these queues (investigate, remediate, notify) until stopped."""
    from core.log import configure_logging
    from core.records import open_records
    from core.settings import load_settings
    from workers.worker import work

    settings = load_settings(os.environ)
    configure_logging(settings.secrets())
    work(settings, open_records(settings), queues, once=once)


@click.command()
def cron() -> None:
    """Enqueue what happens by the clock, until stopped."""
    from core.log import configure_logging
    from core.records import open_records
    from core.settings import load_settings
    from workers.schedule import keep_time

    settings = load_settings(os.environ)
    configure_logging(settings.secrets())
    keep_time(open_records(settings))
