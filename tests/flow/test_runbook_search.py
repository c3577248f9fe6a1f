"""`/sre runbooks`: asked in Slack, answered by a worker from the real memory, to whoever asked alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.parts import as_text
from core.errors import Unreachable
from tests.flow.conftest import Face, Starter
from workers import jobs
from workers.adapters.slack import SlackAdapter
from workers.memory.edge import EdgeStore
from workers.memory.embedding import Embedder, model_folder
from workers.memory.library import Library
from workers.wiring import Outside
from workers.world import World, use


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The starters, and a runbook of the team's that tries to be more than text."""
    folder = tmp_path_factory.mktemp("memory")
    embedder = Embedder(model_folder(folder, None))
    library = Library(EdgeStore(folder / "runbooks"), EdgeStore(folder / "incidents"), embedder)
    library.ensure_starters()
    page = folder / "handbook" / "importer.md"
    page.parent.mkdir()
    page.write_text(
        "---\ntitle: The nightly importer stalls <!channel>\n---\n# The nightly importer stalls\n\n"
        "The importer holds its lock, password=hunter2hunter2, and <!here> nothing is imported.\n\n1. Free the lock.\n"
    )
    library.index([page.parent])
    yield library
    library.close()


@pytest.fixture
def face(start: Starter) -> Iterator[Face]:
    started = start("socket")
    yield started
    assert started.slack.server.breaches == []


def work(face: Face, memory: Any) -> None:
    """Do what waits on the investigators' queue."""
    outside = Outside(settings=face.records.settings, cluster=no, metrics=no, alerts=None, memory=memory, reasoner=no)  # type: ignore[arg-type]
    use(World(records=face.records, open_outside=lambda: outside, slack=SlackAdapter(face.records.settings)))
    for name, *ids in face.jobs():
        getattr(jobs, name)(*ids)


def no(*_: Any) -> Any:
    raise AssertionError("nothing of this looks there")


def ask(face: Face, words: str) -> str:
    return str((face.slack.command("jonas", "#sre", "/sre", f"runbooks {words}".strip()).body or {})["text"])


def answer(face: Face) -> list[str]:
    said = [
        m
        for m in face.slack.server.ephemerals("jonas")
        if m.text.startswith(("I ", "Nothing", "1 ", "2 ", "3 ", "4 ", "5 "))
    ]
    return [said[-1].text, *"\n".join(as_text(block) for block in said[-1].blocks).split("\n")]


def test_the_nearest_runbooks_are_told_to_whoever_asked_alone(face: Face, memory: Library) -> None:
    assert ask(face, "pods crash loop after a rollout") == (
        "I am looking through the runbooks; the answer comes here, to you alone."
    )
    work(face, memory)
    summary, head, *lines, gate = answer(face)
    found = memory.search_runbooks("pods crash loop after a rollout", 5)
    best = sorted(found, key=lambda hit: hit.score, reverse=True)
    assert head == "Runbooks for pods crash loop after a rollout"
    assert summary.endswith(f"nearest {best[0].title}.")
    assert [line[:6] for line in lines] == [f"• {hit.score:.2f}" for hit in best]
    assert f"{best[0].title} {best[0].path} " in lines[0]
    assert best[0].path.startswith("runbooks/")
    assert not any("---" in line or "##" in line for line in lines)
    assert gate == "Cosine similarity, as the gate uses it: below 0.65 I do nothing alone"
    assert face.slack.server.ephemerals("maria") == []


def test_it_says_when_nothing_fits(face: Face, memory: Library) -> None:
    ask(face, "the coffee machine of the second floor is out of beans")
    work(face, memory)
    summary, head, *_ = answer(face)
    assert summary.startswith("Nothing here fits well: the nearest to the coffee machine")
    assert head.startswith("Nothing here fits well. The nearest to the coffee machine")


def test_a_runbook_stays_text_and_its_secrets_are_masked(face: Face, memory: Library) -> None:
    ask(face, "nightly importer stalls")
    work(face, memory)
    said = "\n".join(answer(face))
    assert "The importer holds its lock" in said
    assert "hunter2" not in said
    assert "<!" not in said


def test_without_words_and_without_a_memory_it_is_said_in_one_sentence(face: Face) -> None:
    assert ask(face, "") == "Say what it is about, as in /sre runbooks pods crash after a rollout."
    assert face.jobs() == []
    ask(face, "anything")

    class Broken:
        def search_runbooks(self, text: str, limit: int = 5) -> Any:
            raise Unreachable("The memory does not answer.")

    work(face, Broken())
    assert answer(face)[0].startswith("I cannot read my memory at this moment")
