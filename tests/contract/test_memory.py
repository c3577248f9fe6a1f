"""What every memory does: over the embedded engine, over Qdrant's client, and as other processes see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import Settings
from workers.memory import open_memory, stop_memory
from workers.memory.edge import EdgeStore
from workers.memory.embedding import Embedder, model_folder
from workers.memory.library import Library
from workers.memory.server import ServerStore
from workers.ports import Memory, PastIncident

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BURST_PIPES = """# BoilerPressureTooHigh

## Meaning

The pressure in the boiler of the heating plant is above 3 bar.

## Mitigation

Open the relief valve by hand.
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("memory")


@pytest.fixture(scope="module")
def embedder(data_dir: Path) -> Embedder:
    return Embedder(model_folder(data_dir, None))


@pytest.fixture(scope="module")
def shared(data_dir: Path) -> Iterator[Memory]:
    settings = Settings(data_dir=data_dir)
    yield open_memory(settings)
    stop_memory(settings)


@pytest.fixture(params=["embedded", "server", "shared"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    if request.param == "shared":
        yield request.getfixturevalue("shared")
        return
    embedder = request.getfixturevalue("embedder")
    if request.param == "embedded":
        library = Library(EdgeStore(tmp_path / "r"), EdgeStore(tmp_path / "i"), embedder)
    else:
        from qdrant_client import QdrantClient

        client = QdrantClient(":memory:")
        library = Library(ServerStore(client, "runbooks"), ServerStore(client, "incidents"), embedder)
    yield library
    library.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    return folder


class TestRunbooks:
    def test_an_alert_finds_the_runbook_of_its_name_and_passes_the_gate(self, memory: Memory, folder: Path) -> None:
        (folder / "boiler.md").write_text(BURST_PIPES)
        (folder / "lift.md").write_text("# LiftStuckBetweenFloors\n\nThe lift does not move.")
        memory.index([folder])
        best = memory.search_runbooks("BoilerPressureTooHigh: boiler at 3.4 bar (instance 10.0.0.1:9100)")[0]
        assert (best.id, best.title, best.path) == ("boiler", "BoilerPressureTooHigh", str(folder / "boiler.md"))
        assert 0.65 < best.score <= 1
        assert "above 3 bar" in best.excerpt

    def test_only_the_very_name_counts_as_named(self, memory: Memory, folder: Path) -> None:
        (folder / "boiler.md").write_text(f"---\nalerts: [KubeBoilerOOM]\n---\n{BURST_PIPES}")
        memory.index([folder])
        asked = {
            "BoilerPressureTooHigh: at 3.4 bar": True, "KubernetesBoilerOom 3 times": True,
            "BoilerPressureTooLow: at 0.4 bar": False, "the boiler pressure is too high": False,
        }  # fmt: skip
        assert {text: memory.search_runbooks(text, limit=1)[0].named for text in asked} == asked

    def test_an_alert_of_another_system_does_not_pass_the_gate(self, memory: Memory, folder: Path) -> None:
        (folder / "boiler.md").write_text(BURST_PIPES)
        memory.index([folder])
        hits = memory.search_runbooks("SatelliteAntennaMisaligned: azimuth differs by 4 degrees")
        assert all(0 <= hit.score < 0.65 for hit in hits)

    def test_a_code_that_no_model_knows_is_found_by_the_word(self, memory: Memory, folder: Path) -> None:
        for number in range(70):
            (folder / f"part{number}.md").write_text(
                f"# Part {number} rejected\n\nThe scanner says ZQX-{4400 + number}."
            )
        memory.index([folder])
        assert memory.search_runbooks("what to do about ZQX-4417", limit=1)[0].id == "part17"

    def test_what_stands_at_the_end_of_a_long_document_is_found(self, memory: Memory, folder: Path) -> None:
        filler = "\n\n".join(f"## Section {n}\n\n{'The gate of the garden is painted green. ' * 20}" for n in range(12))
        (folder / "long.md").write_text(
            f"# Estate handbook\n\n{filler}\n\n## Bees\n\nCall the beekeeper when they swarm."
        )
        (folder / "short.md").write_text("# Estate calendar\n\nThe garden opens in May.")
        memory.index([folder])
        best = memory.search_runbooks("the bees swarm", limit=1)[0]
        assert best.id == "long"
        assert "beekeeper" in best.excerpt

    def test_indexing_again_writes_only_what_changed(self, memory: Memory, folder: Path) -> None:
        first, second, third = (folder / name for name in ("one.md", "two.md", "three.md"))
        for path in (first, second, third):
            path.write_text(f"# The {path.stem} machine\n\nIt hums.")
        assert memory.index([folder]).added == 3
        first.write_text("# The one machine\n\nIt squeaks, and needs oil.")
        third.unlink()
        done = memory.index([folder])
        assert (done.added, done.changed, done.unchanged, done.removed, done.chunks) == (0, 1, 1, 1, 1)
        assert memory.runbook("three") is None
        assert "oil" in memory.search_runbooks("The one machine squeaks", limit=1)[0].excerpt

    def test_a_document_that_became_shorter_leaves_nothing_behind(self, memory: Memory, folder: Path) -> None:
        path = folder / "pump.md"
        path.write_text("# Pump\n\n" + "\n\n".join(f"## Part {n}\n\n{'Grease the bearing. ' * 45}" for n in range(6)))
        memory.index([folder])
        path.write_text("# Pump\n\nReplace it.")
        assert memory.index([folder]).chunks == 1
        assert "Grease" not in memory.search_runbooks("Grease the bearing", limit=50)[0].excerpt

    def test_other_folders_are_left_alone(self, memory: Memory, folder: Path, tmp_path: Path) -> None:
        other = tmp_path / "others"
        other.mkdir()
        (folder / "mine.md").write_text("# Mine\n\nOurs.")
        (other / "theirs.md").write_text("# Theirs\n\nNot ours.")
        memory.index([folder, other])
        (folder / "mine.md").unlink()
        (other / "theirs.md").unlink()
        assert memory.index([folder]).removed == 1
        assert memory.runbook("theirs") is not None

    def test_files_of_one_name_in_two_folders_have_two_ids(self, memory: Memory, tmp_path: Path) -> None:
        for team in ("north", "south"):
            (tmp_path / team).mkdir()
            (tmp_path / team / "valve.md").write_text(f"# Valve of the {team}\n\nTurn it.")
        memory.index([tmp_path / "north"])
        memory.index([tmp_path / "south"])
        titles = {runbook.id: runbook.title for runbook in memory.runbooks() if "Valve" in runbook.title}
        assert titles == {"valve": "Valve of the north", "south/valve": "Valve of the south"}

    def test_a_runbook_comes_back_whole_and_parsed(self, memory: Memory, folder: Path) -> None:
        text = "\n".join(f"Line {number} of many, to be read by a person." for number in range(400))
        (folder / "whole.md").write_text(f"---\ntitle: The whole thing\nalerts: [WholeThingBroke]\n---\n{text}\n")
        memory.index([folder])
        runbook = memory.runbook("whole")
        assert runbook is not None
        assert (runbook.title, runbook.alerts, runbook.text.strip()) == ("The whole thing", ("WholeThingBroke",), text)
        assert memory.search_runbooks("WholeThingBroke", limit=1)[0].id == "whole"

    def test_answers_come_in_the_order_of_the_questions(self, memory: Memory, folder: Path) -> None:
        names = [f"Turbine{letter}Overheats" for letter in "ABCDEFGHIJKLMNOPQRST"]
        for name in names:
            (folder / f"{name}.md").write_text(f"# {name}\n\nStop it.")
        memory.index([folder])
        asked = [*names, " ", *reversed(names)]
        answers = memory.search_runbooks_batch(asked, limit=2)
        assert [answer[0].title if answer else "" for answer in answers] == [name.strip() for name in asked]
        assert {len(answer) for answer in answers} == {0, 2}

    def test_progress_counts_documents_to_the_end(self, memory: Memory, folder: Path) -> None:
        for number in range(5):
            (folder / f"step{number}.md").write_text(f"# Step {number}\n\nDo it.")
        seen: list[tuple[int, int]] = []
        memory.index([folder], lambda done, total: seen.append((done, total)))
        assert (seen[0], seen[-1]) == ((0, 5), (5, 5))

    def test_a_file_that_cannot_be_used_is_named_and_the_others_are_indexed(self, memory: Memory, folder: Path) -> None:
        (folder / "bad.md").write_text("---\nsignals: [{fnding: CrashLoopBackOff}]\ncause: {statement: x}\n---\nText")
        (folder / "good.md").write_text("# A good one\n\nText")
        done = memory.index([folder])
        assert done.added == 1
        (problem,) = done.problems
        assert str(folder / "bad.md") in problem

    def test_a_path_that_does_not_exist_is_an_error(self, memory: Memory, folder: Path) -> None:
        with pytest.raises(ConfigError, match="does not exist"):
            memory.index([folder / "nowhere"])


class TestIncidents:
    def incident(self, outcome: str = "rolled back, held") -> PastIncident:
        return PastIncident(
            id="INC-31", title="The crane lost its load cell calibration", at=AT, outcome=outcome,
            text="CraneLoadCellDrift fired after firmware 2.4; the weights were 12 % off.",
        )  # fmt: skip

    def test_a_past_incident_is_found_by_its_symptoms(self, memory: Memory) -> None:
        memory.remember(self.incident())
        best = memory.search_incidents("CraneLoadCellDrift: weights differ")[0]
        assert (best.id, best.title, best.outcome, best.at) == (
            "INC-31", "The crane lost its load cell calibration", "rolled back, held", AT,
        )  # fmt: skip
        assert 0.5 < best.score <= 1

    def test_remembering_again_replaces(self, memory: Memory) -> None:
        memory.remember(self.incident())
        memory.remember(self.incident("recalibrated"))
        found = [hit for hit in memory.search_incidents("load cell of the crane", limit=50) if hit.id == "INC-31"]
        assert [hit.outcome for hit in found] == ["recalibrated"]

    def test_incidents_are_not_runbooks(self, memory: Memory) -> None:
        memory.remember(self.incident())
        assert "INC-31" not in {hit.id for hit in memory.search_runbooks("The crane lost its load cell calibration")}

    def test_no_question_has_no_answer(self, memory: Memory) -> None:
        assert (memory.search_incidents("  "), memory.search_runbooks("")) == ((), ())
