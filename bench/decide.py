"""How fast the policy decides in process: `python -m bench.decide [--decisions 3000]`.

The same engine, rules and facts as in production; half of the questions are allowed, half are asked or denied.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import yaml

from core.settings import Approvers, Config, Settings
from policies.decide import Policy, load
from policies.files import HERE

BASE: dict[str, Any] = yaml.safe_load((HERE / "rules" / "base.yaml").read_text())
RISKS: tuple[dict[str, Any], ...] = (
    {"confidence": 0.5}, {"paused": True}, {"service_tags": ["payments"]}, {"mode": None},
    {"blast_radius": {"pods": 60, "services": 3}}, {"mode": "assist", "approval": BASE["approval"]},
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=3000)
    wanted = parser.parse_args().decisions
    settings = Settings(data_dir=Path("unused"), config=Config(approvers=Approvers.model_validate(BASE["approvers"])))
    started = time.perf_counter()
    policy = load(settings)
    compiled_ms = (time.perf_counter() - started) * 1000
    taken = [timed(policy, number) for number in range(wanted + 50)][50:]  # the first ones warm caches
    print(f"decide, median      {median(taken):7.2f} ms")
    print(f"decide, p99         {quantiles(taken, n=100)[98]:7.2f} ms")
    print(f"decisions a second  {1000 * len(taken) / sum(taken):7.0f}")
    print(f"compile, once       {compiled_ms:7.0f} ms")


def timed(policy: Policy, number: int) -> float:
    """Milliseconds of one decision."""
    risk = RISKS[number // 2 % len(RISKS)] if number % 2 else {}
    facts = {**BASE["facts"], **risk}
    started = time.perf_counter()
    policy.decide(BASE["action"], facts)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
