from __future__ import annotations

import numpy as np

from workers.memory import starters
from workers.memory.embedding import Embedder
from workers.memory.indexing import starter_texts


def test_every_text_of_the_starters_is_shipped_with_its_vector_and_nothing_else_is(embedder: Embedder) -> None:
    """Fails when a starter changed: run `make starters` and commit the file."""
    assert starters.shipped(embedder.id).keys() == {starters.key(text) for text in starter_texts()}


def test_shipped_vectors_are_what_the_model_says(embedder: Embedder) -> None:
    texts = sorted(starter_texts(), key=starters.key)[:12]
    fresh = np.stack([row for text in texts for row in embedder._embed([text])])
    assert (np.sum(fresh * embedder.embed(texts), axis=1) > 0.99).all()  # kinds of processor differ a little


def test_another_model_is_given_none() -> None:
    assert starters.shipped("0123456789ab") == {}
