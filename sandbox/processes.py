"""The bot's own processes, started for a demonstration and ended with it, every one."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import redis

from core.errors import SreError, Unreachable
from core.records import Records
from workers.memory import open_memory, stop_memory

OPERATOR = ("worker", "remediate")
PROCESSES = (("web",), ("worker", "investigate"), OPERATOR, ("worker", "notify"), ("cron",))
START_S = 120.0
_LOOK_EVERY_S = 0.05
# A job under way is finished at the first SIGTERM and given up at the second: nobody will look at it any more.
_PATIENCE_S = (1.5, 5.0)


class Processes:
    """The bot around one `Records`, at a port of this machine.

    Args:
        folder: Where each writes its log.
        environment: All that they see.
        operator: What the operator alone sees beside, the way to write; None: there is no operator.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], records: Records, operator: Mapping[str, str] | None
    ) -> None:
        self._folder, self._records = folder, records
        self._environment, self._operator = dict(environment), dict(operator or {})
        self._names = [args for args in PROCESSES if args != OPERATOR or operator is not None]
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._memory: asyncio.Future[None] | None = None
        self._serving = False

    def start(self) -> None:
        """Start all of them at once, the memory first. Returns before they are ready."""
        # Started here rather than by the first worker, so that there is one place that knows how far it has come.
        memory = open_memory(self._records.settings)
        self._memory = asyncio.get_running_loop().run_in_executor(None, memory.warm)
        for args in self._names:
            name = " ".join(args)
            environment = self._environment | (self._operator if args == OPERATOR else {})
            with (self._folder / f"{name}.log").open("wb") as log:
                self._children[name] = subprocess.Popen(
                    [sys.executable, "-m", "sandbox.tether", *args], env=environment, stdout=log, stderr=log,
                    stdin=subprocess.PIPE, start_new_session=True,  # a Ctrl-C is for us: we end them in order
                )  # fmt: skip

    async def missing(self) -> tuple[str, ...]:
        """The parts that are not ready yet, in words. Raises: Unreachable when one of them has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise Unreachable(f"The bot's process {name!r} has ended: {_last_words(self._folder / f'{name}.log')}")
        if self._memory and self._memory.done():
            self._memory.result()
        found = {
            "its memory": self._memory is not None and self._memory.done(),
            "its Slack face": await self._serves(),
            "its workers": await asyncio.to_thread(self._workers) >= sum(args[0] == "worker" for args in self._names),
        }
        return tuple(name for name, is_there in found.items() if not is_there)

    async def ready(self) -> None:
        """Wait until all are. Raises: Unreachable, with the reason."""
        deadline = time.monotonic() + START_S
        while missing := await self.missing():
            if time.monotonic() > deadline:
                raise Unreachable(f"The bot did not start within {START_S:.0f} s: {' and '.join(missing)} did not "
                                  "answer. Try again when this machine is less busy.")  # fmt: skip
            await asyncio.sleep(_LOOK_EVERY_S)

    async def stop(self) -> None:
        """End them, and what they started. Safe to repeat, and at any moment of the start."""
        await asyncio.to_thread(self._end)
        if self._memory is not None:
            with contextlib.suppress(SreError):
                await self._memory  # one that has just been started can be ended once it listens
            await asyncio.to_thread(stop_memory, self._records.settings)

    def _end(self) -> None:
        for patience_s in _PATIENCE_S:
            deadline = time.monotonic() + patience_s
            for child in self._children.values():
                child.terminate()
            for child in self._children.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(max(0.0, deadline - time.monotonic()))
        for child in self._children.values():
            child.kill()
            child.wait()
            assert child.stdin
            child.stdin.close()

    async def _serves(self) -> bool:
        if not self._serving:
            url = f"http://127.0.0.1:{self._records.settings.port}/readyz"
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as http:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(url) as answer:
                        self._serving = answer.status == 200
        return self._serving

    def _workers(self) -> int:
        try:
            found = self._records.redis.scard("rq:workers")
            return found if isinstance(found, int) else 0
        except redis.RedisError:
            return 0


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    return lines[-1][:500] if lines else "it said nothing."
