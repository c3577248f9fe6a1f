"""The sandbox on a page: everything started, the address said and opened, and then whatever the visitor does."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
import webbrowser
from pathlib import Path

import click

from core.errors import ConfigError
from core.settings import load_settings
from sandbox.page import Page
from sandbox.page.world import WorldPanel
from sandbox.scenarios import SCENARIOS, Scenario
from sandbox.slack import SlackServer
from sandbox.stage import own_cluster, staged


def require_free(port: int) -> None:
    """Raises: ConfigError when somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what an ended demo leaves behind is no matter
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise ConfigError(
                f"Port {port} needs more rights than you have; choose one from 1024 on with --port."
            ) from error
        except OSError as error:
            raise ConfigError(
                f"Port {port} is taken, perhaps by a demo that still runs; end that, or choose another port: "
                f"sre-bot demo --port {port + 1 if port < 65535 else port - 1}"
            ) from error


async def visit(port: int, *, speed: float = 1.0, scenario: Scenario | None = None, own: bool = False) -> None:
    """Serve until cancelled.

    Args:
        scenario: What goes wrong as soon as the bot is ready.
        own: Whether the bot looks at the caller's own cluster, which is asked first whether it answers.

    Raises: Unreachable, ConfigError when something does not start.
    """
    began = time.monotonic()
    cluster = own_cluster(os.environ) if own else None
    context = await asyncio.to_thread(_answering_cluster, cluster) if cluster is not None else None
    panels: list[WorldPanel] = []

    def furnish(slack: SlackServer) -> None:
        page = Page(slack, parts=("guide", "world"))
        page.mount(slack.web)
        panels.append(WorldPanel(page, slack, os.environ, context))
        panels[0].mount(slack.web)

    _say("Starting the sandbox …")
    try:
        with tempfile.TemporaryDirectory(prefix="sre-bot-demo-") as name:
            tenants = max(each.tenants for each in SCENARIOS)  # so that the storm can be started on the page
            async with staged(
                Path(name), speed=speed, cluster=cluster, port=port, furnish=furnish, tenants=tenants, weeks=True
            ) as stage:
                (panel,) = panels
                life = asyncio.create_task(panel.run(stage))
                try:
                    url = f"http://127.0.0.1:{port}"
                    _say(f"The page is at {url} (the bot is still starting).")
                    await asyncio.to_thread(_open, url)
                    await stage.bot.ready()
                    _say(f"Ready after {time.monotonic() - began:.1f} s. {panel.mode} Ctrl-C stops everything.")
                    if scenario:
                        await panel.begin(scenario)
                    await life
                finally:
                    life.cancel()
                    await asyncio.gather(life, return_exceptions=True)
    finally:
        _say("Stopped; nothing is left running.")


def _answering_cluster(cluster: dict[str, str]) -> str:
    """The name of the kube context, once its cluster has answered. Raises: ConfigError, Unreachable."""
    from workers.adapters.kubernetes import open_cluster

    found = open_cluster(load_settings({**cluster, "HOME": os.environ.get("HOME", "")}))
    if not found.may("list", "", "pods"):
        raise ConfigError(
            f"The kube context {found.name} may not list pods; choose one that may, by SRE_KUBE_READ_CONTEXT."
        )
    return found.name


def _open(url: str) -> None:
    """Show the page in a browser, where there is a screen and a person."""
    if sys.stdout.isatty() and (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin"
    ):
        webbrowser.open(url)


def _say(line: str) -> None:
    try:
        click.echo(line)
    except OSError:  # the terminal is gone, or who read our output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
