"""`sre-bot demo`: the pretend company with the bot's own processes in it, on a page or playing a scenario."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import click

from sandbox.scenarios import SCENARIOS

PORT = 8065
T = TypeVar("T")


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="Where the page is.")
@click.option(
    "--scenario", type=click.Choice([s.name for s in SCENARIOS]),
    help=f"What goes wrong at once. On the page nothing does unless you say so; headless: {SCENARIOS[0].name}.",
)  # fmt: skip
@click.option("--headless", is_flag=True, help="Play a scenario without a page, print the Slack transcript, and exit.")
@click.option(
    "--speed", type=click.FloatRange(min=0.1, max=100), default=1.0, show_default=True, help="Of the world's clock."
)
@click.option(
    "--cluster", type=click.Choice(["pretend", "current"]), default="pretend", show_default=True,
    help="What the bot looks at: the pretend company, or the current kube context, which it only reads.",
)  # fmt: skip
def demo(port: int, scenario: str | None, headless: bool, speed: float, cluster: str) -> None:
    """A Slack to try the bot in, with a pretend company to break; needs no account and no key.

    Opens a page on this machine and runs until Ctrl-C. With ANTHROPIC_API_KEY set, Claude reasons; without it, runbooks
    do. Headless, the exit status is 0 only if the incident ended as the scenario says.
    """
    chosen = next((s for s in SCENARIOS if s.name == scenario), None)
    own = cluster == "current"
    if own and (headless or chosen):
        raise click.UsageError("A scenario breaks the pretend company, so it does not go with --cluster current.")
    if headless:
        from sandbox.play import play

        right = _run(play(chosen or SCENARIOS[0], speed=speed))
        if right is not True:
            raise SystemExit(128 + right if isinstance(right, signal.Signals) else 1)
        return
    from sandbox.visit import require_free, visit

    require_free(port)
    _run(visit(port, speed=speed, scenario=chosen, own=own))


def _run(work: Coroutine[Any, Any, T]) -> T | signal.Signals:
    """Run it until it ends, or until the first of Ctrl-C, SIGTERM or a closed terminal, from which on it only ends.

    Returns: what it returns, or what ended it.
    """

    async def main() -> T | signal.Signals:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)
        told: list[signal.Signals] = []

        def end(number: signal.Signals) -> None:
            if not told:
                task.cancel()
            told.append(number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, end, number)
        watch = asyncio.create_task(_hung_up())
        await asyncio.wait([task, watch], return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            end(signal.SIGHUP)
        watch.cancel()
        await asyncio.wait([task])
        return told[0] if told else task.result()

    return asyncio.run(main())


async def _hung_up() -> None:
    """Return once our terminal is gone: where make runs as a terminal's only program, nobody signals us."""
    look = select.poll()
    for stream in (sys.stdin, sys.stdout):
        if stream.isatty():
            look.register(stream, 0)
    while not look.poll(0):  # noqa: ASYNC110  # the loop's own way would read, which stops a process in the background
        await asyncio.sleep(1)
