"""A process of the bot on a tether: it ends when the demonstration that started it does, however that ended.

Its standard input is a pipe whose other end only the demonstration holds. A demonstration that is killed cannot end
its children in order; but the system closes its end then, on every system that has pipes, and each child hears that.
The last of them takes the embedded Redis along.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

PATIENCE_S = (1.5, 5.0)  # as for an end in order: a second SIGTERM gives up the job that is under way
_LAST = "--last"


def main() -> None:
    """The bot's command line, tethered."""
    from bot.cli import main as run

    orphaned = threading.Event()
    threading.Thread(target=_hold, args=[orphaned], name="tether", daemon=True).start()
    try:
        run()
    finally:
        if orphaned.is_set():
            _become_the_last()


def _hold(orphaned: threading.Event) -> None:
    # Not through sys.stdin: its lock would be held for ever in every process that RQ forks, which closes sys.stdin.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        _become_the_last()  # nothing has begun yet that could be ended in order
    orphaned.set()
    for patience_s in PATIENCE_S:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience_s)
    os._exit(1)


def _become_the_last() -> None:
    """A program without this one's connections: only so can it tell whether anybody else has one."""
    os.execv(sys.executable, [sys.executable, "-m", "sandbox.tether", _LAST])  # noqa: S606


def _leave() -> None:
    """End what belongs to no process, if nobody else is there."""
    import redis

    from core.redis import release
    from core.settings import load_settings
    from workers.memory import stop_memory

    settings = load_settings(os.environ)
    stop_memory(settings)
    release(settings, redis.Redis())


if __name__ == "__main__":
    if sys.argv[1:] == [_LAST]:
        _leave()
    else:
        main()
