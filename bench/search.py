"""How well and how fast the memory finds: `python bench/search.py [DATA] [--chunks 10000]`.

DATA is a folder with runbooks.jsonl (id, path, text) and files of alerts (alertname, summary, description), as
queries.jsonl and cross_queries.jsonl with acceptable_runbook_ids, novel_queries.jsonl and near_novel_queries.jsonl
without a runbook. Without DATA only the speed is measured, on runbooks put together from the starters' sentences.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from core.settings import Settings
from workers.memory import open_memory, stop_memory
from workers.ports import Memory

GATE = 0.65


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--chunks", type=int, default=10_000, help="how many to measure the speed with; 0: not at all")
    parser.add_argument(
        "--common", action="store_true", help="print the mean vector of DATA's runbooks and the starters"
    )
    options = parser.parse_args()
    if options.common:
        print(json.dumps(common(options.data)))
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "data")
        try:
            memory = open_memory(settings)
            if options.data:
                quality(memory, options.data, Path(folder) / "runbooks")
            if options.chunks:
                speed(memory, options.chunks, Path(folder) / "many")
        finally:
            stop_memory(settings)


def quality(memory: Memory, data: Path, folder: Path) -> None:
    """Right runbook first and among five, and how many pass the gate, of alerts known and new."""
    ids = {}
    for row in rows(data / "runbooks.jsonl"):
        path = folder / f"{row['id']}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["text"], encoding="utf-8")
        ids[str(path)] = row["id"]
    started = time.perf_counter()
    done = memory.index([folder])
    print(f"indexed {done.added} runbooks, {done.chunks / (time.perf_counter() - started):.0f} chunks/s")
    for name in ("queries", "cross_queries", "novel_queries", "near_novel_queries"):
        alerts = [row for row in rows(data / f"{name}.jsonl") if row.get("strong_label", True)]
        answers = memory.search_runbooks_batch([question(alert) for alert in alerts])
        passed = sum(max(hit.score for hit in hits) >= GATE for hits in answers) / len(alerts)
        found = [[ids.get(hit.path) for hit in hits] for hits in answers]
        right = [set(alert.get("acceptable_runbook_ids") or ()) for alert in alerts]
        line = f"{name:20} {len(alerts):4} alerts, {passed:6.1%} pass the gate"
        if any(right):
            first = sum(hits[0] in wanted for hits, wanted in zip(found, right, strict=True)) / len(alerts)
            five = sum(bool(wanted & set(hits)) for hits, wanted in zip(found, right, strict=True)) / len(alerts)
            line += f", right one first {first:.1%}, among five {five:.1%}"
        print(line)


def speed(memory: Memory, wanted: int, folder: Path) -> None:
    """Indexing rate, then the time of one question, warm, through the socket as every process asks."""
    folder.mkdir()
    generator = random.Random(1)
    sentences = [line for text in starters() for line in text.splitlines() if len(line) > 40]
    for number in range(wanted // 4):
        parts = [f"# Pretended{number}Alert"]
        for section in ("Meaning", "Impact", "Diagnosis", "Mitigation"):
            parts += [f"## {section}", " ".join(generator.choices(sentences, k=8))]
        (folder / f"runbook-{number}.md").write_text("\n\n".join(parts), encoding="utf-8")
    started = time.perf_counter()
    done = memory.index([folder])
    took_s = time.perf_counter() - started
    print(f"indexing: {done.chunks} chunks at {done.chunks / took_s:.0f} a second")
    asked = [" ".join(generator.choice(sentences).split()[:15]) for _ in range(220)]
    times_ms = []
    for text in asked:
        started = time.perf_counter()
        memory.search_runbooks(text)
        times_ms.append((time.perf_counter() - started) * 1000)
    warm = sorted(times_ms[20:])
    print(f"search: median {statistics.median(warm):.1f} ms, p95 {warm[int(len(warm) * 0.95)]:.1f} ms")


def common(data: Path) -> list[float]:
    """What runbooks at large have in common, for workers/memory/common.json."""
    import numpy as np

    from workers.memory.chunks import chunks
    from workers.memory.embedding import Embedder, model_folder
    from workers.memory.meaning import Text, blended
    from workers.runbook import parse_runbook

    texts = [(row["id"], row["path"], row["text"]) for row in rows(data / "runbooks.jsonl")]
    texts += [("", f"starter{number}", text) for number, text in enumerate(starters())]
    documents = []
    for name, path, text in texts:
        runbook = parse_runbook(name, path, text)
        documents.append(Text([runbook.title], chunks(runbook.text, runbook.title)))
    with tempfile.TemporaryDirectory() as folder:
        found = blended(Embedder(model_folder(Path(folder), None)), documents)
    return [round(float(value), 4) for value in np.concatenate(found).mean(axis=0)]


def question(alert: dict[str, Any]) -> str:
    return f"{alert['alertname']} {alert.get('summary') or ''} {alert['description']}"


def starters() -> list[str]:
    folder = resources.files("runbooks")
    return [file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".md")]


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main()
