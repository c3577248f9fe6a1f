"""What the model makes of the starters' texts, shipped: a first start then need not embed them for ten seconds.

The file maps digests of texts, as they are given to the model, to the model's answers. A text that is not in it, or
another model, is embedded as ever; a test says when it is out of date. `make starters` writes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.memory.embedding import Vectors

FILE = "starters.npz"


def shipped(model: str) -> Mapping[bytes, Any]:
    """Rows of half precision (a cosine is off by less than 0.0005) by digest of the text; none for another model."""
    import numpy as np

    with resources.files("workers.memory").joinpath(FILE).open("rb") as file, np.load(file) as content:
        if str(content["model"]) != model:
            return {}
        return {key.tobytes(): row for key, row in zip(content["keys"], content["rows"], strict=True)}


def key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def write(path: Path, model: str, texts: Iterable[str], rows: Vectors) -> None:
    import numpy as np

    keys = np.frombuffer(b"".join(key(text) for text in texts), np.uint8).reshape(-1, 16)
    np.savez(path, model=np.array(model), keys=keys, rows=rows.astype(np.float16))


def main() -> None:
    """Embed every text of the starters and write the file."""
    import tempfile

    from workers.memory.embedding import Embedder, model_folder
    from workers.memory.indexing import starter_texts

    texts = sorted(starter_texts())
    with tempfile.TemporaryDirectory() as folder:
        embedder = Embedder(model_folder(Path(folder), None), known={})
        write(Path(str(resources.files("workers.memory"))) / FILE, embedder.id, texts, embedder.embed(texts))


if __name__ == "__main__":
    main()
