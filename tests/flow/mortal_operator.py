"""An operator that can be told to die, by SIGKILL, at its n-th step boundary: run as a program, a JSON line a job.

`{"job": "prepare", "id": "ACT-1", "die_at": 7}` runs one job in a process of its own, forked from this one as RQ's
worker forks; the answer says whether it died, or failed by itself, or how many boundaries it passed until its end.
With `"victim": 4711` that process is killed there instead. A boundary is right after each ledger write, saved state,
queued job, Kubernetes write and Slack call, and before the first: right before the next one, nothing more has happened.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from core.ledger import Ledger
from core.log import configure_logging
from core.outbox import Messages
from core.queues import Queues
from core.records import open_records
from core.settings import load_settings
from core.stores import Table
from workers import jobs
from workers.adapters.kubernetes_write import KubernetesWriter
from workers.adapters.slack import SlackAdapter
from workers.wiring import open_world
from workers.worker import warm_operator
from workers.world import use

STEPS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (Ledger, ("append",)),
    (Table, ("save",)),
    (Messages, ("save",)),
    (Queues, ("enqueue",)),
    (KubernetesWriter, ("patch", "create", "delete")),
    (SlackAdapter, ("respond", "groups_of", "post", "edit", "permalink", "find_posted")),
)


class Mortal:
    """Counts boundaries, and dies at one, or lets another process die there."""

    def __init__(self, die_at: int | None, victim: int | None) -> None:
        self.die_at, self.victim, self.passed = die_at, victim, 0

    def boundary(self) -> None:
        self.passed += 1
        if self.passed == self.die_at:
            os.kill(self.victim or os.getpid(), signal.SIGKILL)

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if not self.passed:
                self.boundary()
            try:
                return step(*args, **kwargs)
            finally:
                self.boundary()

        return run


def run(job: str, ident: str, die_at: int | None, victim: int | None) -> int:
    """The boundaries passed. Does not return when it dies."""
    mortal = Mortal(die_at, victim)
    for owner, names in STEPS:
        for name in (n for n in names if hasattr(owner, n)):
            setattr(owner, name, mortal.around(getattr(owner, name)))
    settings = load_settings(os.environ)
    records = open_records(settings)
    use(open_world(settings, records, writes=True))
    getattr(jobs, job)(ident)
    return mortal.passed


def main() -> None:
    settings = load_settings(os.environ)
    configure_logging(settings.secrets())
    warm_operator(settings)  # shared by every fork

    for line in sys.stdin:
        asked = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            passed = run(asked["job"], asked["id"], asked.get("die_at"), asked.get("victim"))
            os.write(write, str(passed).encode())
            os._exit(0)
        os.close(write)
        _, status = os.waitpid(child, 0)
        passed_text = os.read(read, 20).decode()
        os.close(read)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        failed = not died and os.waitstatus_to_exitcode(status) != 0
        passed_by = int(passed_text) if passed_text else None
        print(json.dumps({"died": died, "failed": failed, "boundaries": passed_by}), flush=True)


if __name__ == "__main__":
    main()
