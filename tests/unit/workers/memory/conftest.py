"""One loaded model and one data folder for this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from workers.memory import stop_memory
from workers.memory.edge import EdgeStore
from workers.memory.embedding import Embedder, model_folder
from workers.memory.library import Library


@pytest.fixture(scope="session")
def memory_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("memory-data")


@pytest.fixture(scope="session")
def embedder(memory_data: Path) -> Embedder:
    return Embedder(model_folder(memory_data, None))


@pytest.fixture
def library(tmp_path: Path, embedder: Embedder) -> Iterator[Library]:
    library = Library(EdgeStore(tmp_path / "store" / "runbooks"), EdgeStore(tmp_path / "store" / "incidents"), embedder)
    yield library
    library.close()


@pytest.fixture
def memory_settings(memory_data: Path) -> Iterator[Settings]:
    """Settings of one memory for all tests here; the process that holds it ends after each."""
    settings = Settings(data_dir=memory_data)
    yield settings
    stop_memory(settings)
