from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError
from workers.memory import embedding
from workers.memory.embedding import DIMENSIONS, Embedder, model_folder


def test_texts_become_unit_vectors_in_their_order(embedder: Embedder) -> None:
    texts = ["a long text about pods that restart " * 20, "b", "a pod restarts", "b"]
    rows = embedder.embed(texts)
    assert rows.shape == (4, DIMENSIONS)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert (rows[1] == rows[3]).all()
    assert rows[0] @ rows[2] > rows[1] @ rows[2]


def test_a_text_counts_up_to_256_tokens(embedder: Embedder) -> None:
    rows = embedder.embed(["pod " * 254 + "restart", "pod " * 254 + "volcano", "pod " * 200 + "volcano"])
    assert rows[0] @ rows[1] == pytest.approx(1, abs=1e-5)
    assert rows[0] @ rows[2] < 0.9999


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, DIMENSIONS)


def test_the_model_is_assembled_once_and_again_when_damaged(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, None)
    before = (folder / "model.onnx").stat().st_ino
    assert model_folder(tmp_path, None) == folder
    assert (folder / "model.onnx").stat().st_ino == before
    (folder / "model.onnx").write_bytes(b"half of it")
    assert model_folder(tmp_path, None) == folder
    assert (folder / "model.onnx").stat().st_size > 20_000_000
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_missing_wheel_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_CARRIED", (("model.onnx", "no_such_package", "model.onnx", "0" * 64),))
    with pytest.raises(ConfigError, match="reinstall the Python package no-such-package, or set SRE_EMBEDDING_DIR"):
        model_folder(tmp_path, None)


def test_an_override_without_a_model_is_one_sentence(tmp_path: Path) -> None:
    assert model_folder(tmp_path / "data", tmp_path) == tmp_path
    with pytest.raises(ConfigError, match=r"holds no model\.onnx"):
        Embedder(tmp_path)


def test_a_damaged_override_is_one_sentence(tmp_path: Path) -> None:
    intact = model_folder(tmp_path, None)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json"):
        (tmp_path / name).write_bytes((intact / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ConfigError, match=r"cannot be loaded; .*SRE_EMBEDDING_DIR"):
        Embedder(tmp_path)
