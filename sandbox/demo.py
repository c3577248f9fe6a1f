"""`sre-bot demo`: the pretend company with the bot's own processes in it, playing a scenario."""

from __future__ import annotations

import asyncio

import click

from sandbox.scenarios import SCENARIOS


@click.command()
@click.option(
    "--scenario", type=click.Choice([s.name for s in SCENARIOS]), default=SCENARIOS[0].name, show_default=True,
    help="What goes wrong.",
)  # fmt: skip
@click.option("--headless", is_flag=True, help="Play, print the Slack transcript, and exit.")
@click.option(
    "--speed", type=click.FloatRange(min=0.1, max=100), default=1.0, show_default=True, help="Of the world's clock."
)
def demo(scenario: str, headless: bool, speed: float) -> None:
    """A pretend company with the bot in it; needs no account and no key.

    Exit status 0 only if the incident ended as the scenario says.
    """
    from sandbox.play import play

    chosen = next(s for s in SCENARIOS if s.name == scenario)
    right = asyncio.run(play(chosen, speed=speed, stay=not headless))
    if not right:
        raise SystemExit(1)
