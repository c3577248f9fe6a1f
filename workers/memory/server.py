"""A collection on a Qdrant server or cluster, by qdrant-client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError, Unreachable
from workers.memory.embedding import DIMENSIONS
from workers.memory.store import MEANING, WORDS, Collection, Found, Point, Question

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_PAGE = 1000
_TIMEOUT_S = 30


def connect(url: str) -> QdrantClient:
    """A checked connection.

    Raises: Unreachable when nothing answers there; ConfigError for a malformed URL.
    """
    from qdrant_client import QdrantClient

    try:
        client = QdrantClient(url=url, timeout=_TIMEOUT_S, check_compatibility=False)
    except ValueError as error:
        raise ConfigError("QDRANT_URL is not usable: write it as http://host:6333.") from error
    with _told():
        client.get_collections()
    return client


class ServerStore:
    """A `Store` on a server, shared by every host that writes to it. The collection is made when it is not there."""

    def __init__(self, client: QdrantClient, collection: Collection) -> None:
        """Raises: Unreachable when the server does not answer."""
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        self._client = client
        self._name = f"sre-bot-{collection}"
        with _told():
            if client.collection_exists(self._name):
                return
            try:
                client.create_collection(
                    self._name,
                    vectors_config={MEANING: models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)},
                    sparse_vectors_config={WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                )
            except UnexpectedResponse as error:
                if error.status_code != 409:  # another host was faster
                    raise

    def put(self, points: Sequence[Point]) -> None:
        from qdrant_client import models

        stored = [
            models.PointStruct(
                id=point.id,
                vector={
                    MEANING: [float(x) for x in point.meaning],
                    WORDS: models.SparseVector(indices=point.words.indices, values=point.words.values),
                },
                payload=point.payload,
            )
            for point in points
        ]
        with _told():
            self._client.upsert(self._name, stored, wait=True)

    def delete(self, ids: Sequence[str]) -> None:
        if ids:
            with _told():
                self._client.delete(self._name, list(ids), wait=True)

    def scan(self, fields: Sequence[str]) -> Iterator[Found]:
        offset: Any = None
        while True:
            with _told():
                records, offset = self._client.scroll(self._name, limit=_PAGE, offset=offset, with_payload=list(fields))
            yield from (Found(str(record.id), record.payload or {}) for record in records)
            if offset is None:
                return

    def get(self, ids: Sequence[str], fields: Sequence[str], meaning: bool = False) -> list[Found]:
        with _told():
            records = self._client.retrieve(
                self._name, list(ids), with_payload=list(fields), with_vectors=[MEANING] if meaning else False
            )
        return [
            Found(str(r.id), r.payload or {}, meaning=r.vector[MEANING] if isinstance(r.vector, dict) else ())  # type: ignore[arg-type]
            for r in records
        ]

    def search(
        self, questions: Sequence[Question], limit: int, fields: Sequence[str]
    ) -> list[tuple[list[Found], list[Found]]]:
        from qdrant_client import models

        requests = []
        for question in questions:
            words = models.SparseVector(indices=question.words.indices, values=question.words.values)
            for vector, using in (([float(x) for x in question.meaning], MEANING), (words, WORDS)):
                requests.append(models.QueryRequest(query=vector, using=using, limit=limit, with_payload=list(fields)))
        with _told():
            answers = self._client.query_batch_points(self._name, requests)
        found = [[Found(str(p.id), p.payload or {}, p.score) for p in answer.points] for answer in answers]
        return list(zip(found[::2], found[1::2], strict=True))

    def tidy(self) -> None:
        """Servers tidy up by themselves."""

    def close(self) -> None:
        self._client.close()


@contextmanager
def _told() -> Iterator[None]:
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

    try:
        yield
    except UnexpectedResponse as error:
        raise Unreachable(f"The Qdrant server refused a request (HTTP {error.status_code}); see its log, and whether "
                          "QDRANT_URL is right.") from error  # fmt: skip
    except (ApiException, QdrantException, OSError) as error:
        raise Unreachable("The Qdrant server does not answer; start it, or correct QDRANT_URL.") from error
