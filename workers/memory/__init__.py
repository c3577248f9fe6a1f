"""What the bot remembers: runbooks and past incidents, searched by meaning and by words."""

from __future__ import annotations

from core.settings import Settings
from workers.memory.shared import SharedMemory


def open_memory(settings: Settings) -> SharedMemory:
    """The memory in the data folder, or on the server that QDRANT_URL names. Connects at the first call, whose errors
    (ConfigError, Unreachable) say what to do."""
    return SharedMemory(settings)


def stop_memory(settings: Settings) -> None:
    """End the process that holds the memory at once; otherwise it ends a minute after its last user."""
    from workers.memory.shared import stop

    stop(settings)
