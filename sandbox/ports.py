"""Ports that are free now."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
