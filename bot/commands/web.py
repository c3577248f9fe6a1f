"""`sre-bot web`: the process that people and webhooks talk to."""

from __future__ import annotations

import os

import click


@click.command()
def web() -> None:
    """Serve Slack (Socket Mode or HTTP), the webhooks, health and metrics until stopped."""
    from bot.web import REDIS_TIMEOUT_S, run
    from core.log import configure_logging
    from core.records import open_records
    from core.redis import connect
    from core.settings import load_settings

    settings = load_settings(os.environ)
    configure_logging(settings.secrets())
    run(open_records(settings, connect(settings, REDIS_TIMEOUT_S, retries=1)))
