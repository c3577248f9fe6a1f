"""How long `sre-bot demo` takes: `python -m bench.start [--times 5]`. Medians, from the command to its words."""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import time

from sandbox.ports import free_port

SAYS = {"page": "The page is at", "ready": "Ready after"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    rounds = [start() for _ in range(parser.parse_args().times)]
    for name in (*SAYS, "end"):
        taken = [one[name] for one in rounds]
        print(f"{name:6} median {statistics.median(taken):.1f} s ({min(taken):.1f} to {max(taken):.1f})")


def start() -> dict[str, float]:
    """Seconds until the page is there, until the bot is ready, and, after Ctrl-C, until all has ended."""
    began = time.perf_counter()
    taken: dict[str, float] = {}
    command = [sys.executable, "-u", "-m", "bot.cli", "demo", "--port", str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        for line in demo.stdout:
            taken |= {name: time.perf_counter() - began for name, words in SAYS.items() if line.startswith(words)}
            if "ready" in taken:
                break
        told = time.perf_counter()
        demo.send_signal(signal.SIGINT)
        demo.wait(60)
    return taken | {"end": time.perf_counter() - told}


if __name__ == "__main__":
    main()
