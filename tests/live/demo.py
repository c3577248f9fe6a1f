"""`sre-bot demo` as a process of its own, and everything that it started, found by the folder that it was given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_S = 60.0
_MENTIONS = ("cmdline", "environ")


class Demo:
    """One demo. `folder` is its TMPDIR, so whoever belongs to it names that folder."""

    def __init__(self, folder: Path, port: int, *options: str, terminal: int | None = None, **environment: str) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        self._said = folder / "said.log"
        known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "demo", "--port", str(port), *options], cwd=ROOT,
                env={**known, "TMPDIR": str(folder), **environment}, stderr=subprocess.STDOUT, start_new_session=True,
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=said if terminal is None else terminal,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._said.read_text("utf-8")

    def ready(self) -> None:
        self.until(lambda: "Ready after" in self.said)

    def until(self, is_true: Callable[[], Any], within_s: float = START_S) -> None:
        """Raises: AssertionError when it ends before, or takes too long."""
        deadline = time.monotonic() + within_s
        while not is_true():
            assert self.process.poll() is None, f"the demo ended:\n{self.said}"
            assert time.monotonic() < deadline, f"too slow:\n{self.said}"
            time.sleep(0.01)

    def tell(self, number: signal.Signals) -> int:
        """Send it a signal; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def processes(self) -> dict[int, str]:
        """Everything alive that it started, by id, but not itself."""
        return {pid: line for pid, line in _naming(str(self.folder)) if pid != self.process.pid}


@contextmanager
def demo(port: int, *options: str, terminal: int | None = None, **environment: str) -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:  # short: sockets live in it
        running = Demo(Path(folder), port, *options, terminal=terminal, **environment)
        try:
            yield running
        finally:
            running.process.terminate()
            running.process.wait(30)


def _naming(folder: str) -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    continue
                told = [(entry / name).read_bytes().decode("utf-8", "replace") for name in _MENTIONS]
                cwd = str((entry / "cwd").readlink())
            except OSError:  # it has ended meanwhile
                continue
            if any(folder in text for text in (*told, cwd)):
                yield int(entry.name), told[0].replace("\0", " ")
