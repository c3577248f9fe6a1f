"""A collection in a folder of this machine, by Qdrant's own engine in this process."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from core.errors import ConfigError, Unreachable
from workers.memory.embedding import DIMENSIONS
from workers.memory.store import MEANING, WORDS, Found, Point, Question

T = TypeVar("T")

_PAGE = 1000


class EdgeStore:
    """A `Store` in a folder that only one process may open. What was put survives a kill at any time."""

    def __init__(self, folder: Path) -> None:
        """Raises: ConfigError when the folder cannot be written, Unreachable when what it holds is damaged."""
        self._folder = folder
        self._writing = threading.Lock()
        try:
            folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not folder.exists():
                _create(folder)
        except OSError as error:
            raise ConfigError(f"{folder} cannot be made: {error.strerror}. Point QDRANT_PATH or SRE_DATA_DIR "
                              "elsewhere.") from error  # fmt: skip
        self._shard = self._told(self._load)

    def _load(self) -> Any:
        import qdrant_edge as edge

        return edge.EdgeShard.load(str(self._folder))

    def put(self, points: Sequence[Point]) -> None:
        import qdrant_edge as edge

        stored = [
            edge.Point(
                point.id,
                {MEANING: list(point.meaning), WORDS: edge.SparseVector(point.words.indices, point.words.values)},
                point.payload,
            )
            for point in points
        ]
        self._update(edge.UpdateOperation.upsert_points(stored))

    def delete(self, ids: Sequence[str]) -> None:
        import qdrant_edge as edge

        if ids:
            self._update(edge.UpdateOperation.delete_points(list(ids)))

    def _update(self, operation: Any) -> None:
        with self._writing:
            self._told(lambda: self._shard.update(operation))
            self._told(self._shard.flush)

    def scan(self, fields: Sequence[str]) -> Iterator[Found]:
        import qdrant_edge as edge

        offset = None
        while True:
            request = edge.ScrollRequest(offset=offset, limit=_PAGE, with_payload=list(fields), with_vector=False)
            records, offset = self._told(partial(self._shard.scroll, request))
            yield from (Found(str(record.id), record.payload or {}) for record in records)
            if offset is None:
                return

    def get(self, ids: Sequence[str], fields: Sequence[str], meaning: bool = False) -> list[Found]:
        records = self._told(lambda: self._shard.retrieve(list(ids), list(fields), [MEANING] if meaning else False))
        return [
            Found(
                str(r.id), r.payload or {}, meaning=r.vector[MEANING] if meaning and isinstance(r.vector, dict) else ()
            )
            for r in records
        ]

    def search(
        self, questions: Sequence[Question], limit: int, fields: Sequence[str]
    ) -> list[tuple[list[Found], list[Found]]]:
        import qdrant_edge as edge

        requests = []
        for question in questions:
            words = edge.SparseVector(question.words.indices, question.words.values)
            for vector, using in ((list(question.meaning), MEANING), (words, WORDS)):
                requests.append(
                    edge.QueryRequest(
                        limit=limit, query=edge.Query.Nearest(vector, using=using), with_payload=list(fields),
                        params=edge.SearchParams(exact=True),
                    )
                )  # fmt: skip
        answers = self._told(lambda: self._shard.query_batch(edge.QueryBatchRequest(requests)))
        found = [[Found(str(p.id), p.payload or {}, p.score) for p in answer] for answer in answers]
        return list(zip(found[::2], found[1::2], strict=True))

    def tidy(self) -> None:
        """Merge segments and drop deleted points; searches go on meanwhile."""
        with self._writing:
            self._told(self._shard.optimize)

    def close(self) -> None:
        with self._writing:
            self._told(self._shard.close)

    def _told(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except BaseException as error:
            # The engine raises the bare class, or its panic, whatever went wrong.
            if type(error) is not Exception and type(error).__name__ != "PanicException":
                raise
            raise Unreachable(f"The memory in {self._folder} cannot be used: it is damaged, or its disk is full. "
                              "Make room, or remove it and run sre-bot runbooks index again.") from error  # fmt: skip


def _create(folder: Path) -> None:
    """An empty collection, made beside its place and moved there: the engine does not begin over half of one."""
    import qdrant_edge as edge

    config = edge.EdgeConfig(
        vectors={MEANING: edge.EdgeVectorParams(size=DIMENSIONS, distance=edge.Distance.Cosine)},
        sparse_vectors={WORDS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
    )
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        made = Path(beside) / "collection"
        made.mkdir(mode=0o700)
        edge.EdgeShard.create(str(made), config).close()
        made.rename(folder)
