"""What the reasoning loop itself costs a step: wall time less the time in which the scripted server made its answers.

    python -m bench.loop_overhead [--profile]

Compared with HolmesGPT 0.45 on the same three scripts: 54, 229 and 240 ms a step.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import json
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.diagnosis import Case, Recall, Subject
from core.observation import Evidence, Observation
from core.settings import Settings
from sandbox.messages import Turn, write_script
from workers.reasoners.budget import Budget
from workers.reasoners.claude import ClaudeReasoner, preload
from workers.tools.catalogue import TOOLS
from workers.tools.registry import ToolContext, tool
from workers.tools.results import Result

RUNS = 5
LINE = '2026-11-23T02:12:01.123Z level=error pod=checkout-7d9f msg="GET /cart 502" upstream=payments id={:06d}\n'
BIG = "".join(LINE.format(i) for i in range(200))[:12_000]
SCRIPTS = {  # name: (steps, calls a step, tool, HolmesGPT's milliseconds)
    "40 steps of one small tool": (40, 1, "small", 54.0),
    "40 steps of 8 parallel tools": (40, 8, "small", 229.0),
    "20 steps of 12 KB results": (20, 1, "big", 240.0),
}
CONCLUSION: dict[str, Any] = {
    "known": False, "root_cause": None, "confidence": 0.1, "claims": [], "ruled_out": [], "look_next": [],
    "actions": [], "runbook": None,
}  # fmt: skip


@tool(source="kubernetes", doing="Reading {name}", timeout_s=20)
def small(_ctx: ToolContext, name: str) -> Result:
    """A short result.

    Args:
        name: What to read.
    """
    return Result(query=f"GET /{name}", text=f"{name}: 4/4 ready, 0 restarts, image shop/{name}:1.8.4")


@tool(source="kubernetes", doing="Reading {name}", timeout_s=20)
def big(_ctx: ToolContext, name: str) -> Result:
    """Twelve kilobytes of log lines.

    Args:
        name: What to read.
    """
    return Result(query=f"GET /{name}/log", text=f"{name}\n{BIG}")


class _Unused:
    """Stands for the ports that these tools do not touch."""


def script(steps: int, calls: int, name: str) -> list[Turn]:
    turns = [Turn(calls=[(name, {"name": f"thing-{step}-{i}"}) for i in range(calls)]) for step in range(steps)]
    return [*turns, Turn(calls=[("conclude", CONCLUSION)])]


@contextlib.contextmanager
def server(turns: list[Turn]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.json"
        write_script(path, turns)
        program = [sys.executable, "-m", "sandbox.messages", str(path)]
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdin
            yield process.stdout.readline().strip()
            process.stdin.close()


def overhead_ms(steps: int, calls: int, name: str, profile: cProfile.Profile | None = None) -> float:
    """Milliseconds a step that are ours: everything but the server's making of its answers."""
    seen = Evidence(id="e1", tool="kubernetes", query="GET /", excerpt="x", observed_at=datetime.now(UTC))
    case = Case(
        subject=Subject(text="why is checkout slow?"), observation=Observation(evidence=(seen,)), recall=Recall()
    )
    with server(script(steps, calls, name)) as url:
        settings = Settings.model_validate(
            {"data_dir": "/nonexistent", "anthropic_api_key": "key-of-a-bench", "anthropic_base_url": url}
        )
        reasoner = ClaudeReasoner(
            settings, cluster=lambda _name: _Unused(), metrics=lambda _name: None, alerts=None, memory=_Unused(),  # type: ignore[arg-type, return-value]
            tools=(*TOOLS, small, big), budget=Budget(steps=steps + 10, context_tokens=10**9, cost_usd=10**9),
        )  # fmt: skip
        if profile:
            profile.enable()
        began = time.perf_counter()
        draft = reasoner.explain(case, lambda _step: None)
        wall = time.perf_counter() - began
        if profile:
            profile.disable()
        served = json.load(urllib.request.urlopen(f"{url}/served"))
    assert len(served) == steps + 1
    assert len(draft.evidence) == steps * calls, draft
    return (wall - sum(row["seconds"] for row in served)) / (steps + 1) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="where the time goes, in one run of each")
    profiling = parser.parse_args().profile
    preload()
    overhead_ms(2, 1, "small")  # what is made once in a process
    for title, (steps, calls, name, theirs) in SCRIPTS.items():
        if profiling:
            profile = cProfile.Profile()
            overhead_ms(steps, calls, name, profile)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
            continue
        ours = statistics.median(overhead_ms(steps, calls, name) for _ in range(RUNS))
        print(f"{title}: {ours:.1f} ms a step, {ours / theirs:.3f} of HolmesGPT's {theirs:.0f} ms")


if __name__ == "__main__":
    main()
