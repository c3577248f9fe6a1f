"""`sre-bot runbooks` as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from workers.memory import stop_memory

RUN = [sys.executable, "-c", "from bot.cli import main; main()", "runbooks"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("command")
    yield {**os.environ, "SRE_DATA_DIR": str(folder)}
    stop_memory(Settings(data_dir=folder))


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_what_was_indexed_is_found(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text("# PumpRunsDry\n\nFill the tank.")
    (tmp_path / "latin.md").write_bytes(b"# Caf\xe9\n")
    indexed = run(environment, "index", str(tmp_path))
    assert (indexed.returncode, indexed.stdout) == (
        0,
        "2 added, 0 changed, 0 removed, 0 unchanged (2 pieces written).\n",
    )
    assert indexed.stderr.startswith(f"{tmp_path / 'latin.md'} is not UTF-8 at line 1")
    found = run(environment, "search", "PumpRunsDry at station 4", "--json", "--limit", "1")
    (hit,) = json.loads(found.stdout)
    assert sorted(hit) == ["id", "path", "score", "title"]
    assert (hit["id"], hit["title"], hit["path"]) == ("pump", "PumpRunsDry", str(tmp_path / "pump.md"))
    assert "PumpRunsDry\n      pump  " in run(environment, "search", "PumpRunsDry").stdout


def test_every_line_is_answered_by_one_line_as_soon_as_it_is_asked(environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [*RUN, "search", "-", "--limit", "1"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as asking:
        assert asking.stdin and asking.stdout
        for line, expected in (("KubeNodeNotReady\n", ["node-not-ready"]), ("\n", [])):
            asking.stdin.write(line)
            asking.stdin.flush()
            assert [hit["id"] for hit in json.loads(asking.stdout.readline())] == expected
        asking.stdin.write("JobFailed: backoff limit\nQuotaExceeded: used up")
        asking.stdin.close()
        assert [json.loads(line)[0]["id"] for line in asking.stdout] == ["job-failed", "quota-exceeded"]


def test_a_path_that_is_not_there_is_bad_usage(environment: dict[str, str], tmp_path: Path) -> None:
    ended = run(environment, "index", str(tmp_path / "nowhere"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"sre-bot: {tmp_path / 'nowhere'} does not exist; name a markdown file or a folder.\n"


def test_a_memory_that_cannot_be_reached_is_status_3(environment: dict[str, str], tmp_path: Path) -> None:
    ended = run({**environment, "QDRANT_URL": "http://127.0.0.1:9", "QDRANT_PATH": str(tmp_path)}, "search", "x")
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1
