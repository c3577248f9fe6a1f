from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from workers.memory import shelf
from workers.memory.library import Library
from workers.memory.store import point_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def runbook(condition: str, more: str = "") -> str:
    signals = f"signals: [{{finding: {condition}, required: true, weight: 0.6}}]"
    return (
        f"---\n{signals}\ncause: {{statement: broken}}\n{more}---\n# Trouble\n\nThe volume claim of a pod is waiting."
    )


def test_an_id_in_the_front_matter_wins_and_may_change(library: Library, folder: Path) -> None:
    path = folder / "file.md"
    path.write_text(runbook("Evicted", "id: first\n"))
    library.index([folder])
    path.write_text(runbook("Evicted", "id: second\n"))
    done = library.index([folder])
    assert (done.changed, done.added, done.removed) == (1, 0, 0)
    assert [found.id for found in library.runbooks()] == ["second"]


def test_two_files_cannot_claim_one_id(library: Library, folder: Path) -> None:
    (folder / "a.md").write_text(runbook("Evicted", "id: same\n"))
    (folder / "b.md").write_text(runbook("OOMKilled", "id: same\n"))
    done = library.index([folder])
    assert done.added == 1
    assert done.problems == (
        f"{folder / 'b.md'} is left out: {folder / 'a.md'} has the id same already; change one.",
    )  # fmt: skip


def test_a_file_that_stopped_being_valid_keeps_its_last_version(library: Library, folder: Path) -> None:
    path = folder / "file.md"
    path.write_text(runbook("Evicted"))
    library.index([folder])
    path.write_text(runbook("Evictd"))
    assert len(library.index([folder]).problems) == 1
    assert library.runbook("file") is not None


def test_a_condition_that_a_runbook_requires_finds_it(library: Library, folder: Path) -> None:
    (folder / "full.md").write_text(runbook("PVCPending", "title: Storage cannot be had\n"))
    library.index([folder])
    hit = library.search_runbooks("PVCPending: waiting for the first consumer", limit=1)[0]
    assert hit.id == "full"
    assert hit.score > 0.65


def test_half_written_documents_are_written_again(library: Library, folder: Path) -> None:
    text = "# Long\n\n" + "\n\n".join(f"## {n}\n\n" + "word " * 150 for n in range(4))
    (folder / "long.md").write_text(text)
    assert library.index([folder]).chunks == 4
    library._stores[0].delete([point_id("long", 2)])
    assert library.index([folder]).changed == 1
    assert library.index([folder]).unchanged == 1


def test_starters_come_once_and_a_copy_of_one_is_left_out(library: Library, folder: Path) -> None:
    starters = [file for file in resources.files("runbooks").iterdir() if file.name.endswith(".md")]
    assert library.ensure_starters().added == len(starters)
    again = library.ensure_starters()
    assert (again.added, again.changed, again.unchanged) == (0, 0, len(starters))
    (folder / "copy.md").write_bytes(starters[0].read_bytes())
    assert library.index([folder]).added == 0


def test_a_runbook_of_ones_own_comes_before_a_starter(library: Library, folder: Path) -> None:
    library.ensure_starters()
    (folder / "KubePodCrashLooping.md").write_text("# KubePodCrashLooping\n\nOur pods restart: ask the platform team.")
    library.index([folder])
    hits = library.search_runbooks("KubePodCrashLooping Pod is crash looping.")
    assert hits[0].id == "KubePodCrashLooping"
    assert hits[1].path.startswith("runbooks/")


def test_the_nearest_is_always_among_the_answers(library: Library, folder: Path) -> None:
    library.ensure_starters()
    for number in range(8):
        (folder / f"pods{number}.md").write_text(f"# Pods, part {number}\n\nPods restart when they crash in a loop.")
    library.index([folder])
    question = "CrashLoopBackOff: container exited with 1; Back-off restarting failed container"
    assert max(library.search_runbooks(question, 3), key=lambda hit: hit.score).path.startswith("runbooks/")


def test_what_an_earlier_release_embedded_is_embedded_again(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "old.md").write_text("# Old\n\nText.")
    monkeypatch.setattr(shelf, "SCHEME", 0)
    library.index([folder])
    monkeypatch.undo()
    assert not library._runbooks.known()["old"].version.startswith("1-")
    library.refresh()
    assert library._runbooks.known()["old"].version == library._runbooks.version
    assert library.index([folder]).unchanged == 1
