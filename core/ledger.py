"""The black box: append-only, each entry holding the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import redis

from core.errors import Conflict
from core.mask import mask
from core.model import Model, Moment
from core.redis import as_text

GENESIS = "0" * 64
_PAGE = 1000


class Entry(Model):
    """One line of the ledger."""

    seq: int  # from 1, without gaps
    at: Moment
    event: str  # "incident.opened", "diagnosis.made", "proposal.decided"
    actor: str  # "bot", "alertmanager", or a Slack user id
    incident: str | None = None
    data: dict[str, Any] = {}  # ids, figures, codes; masked
    prev: str  # hash of the entry before
    hash: str

    def computed_hash(self) -> str:
        """SHA-256 over everything but the hash itself, as canonical JSON."""
        body = self.model_dump(mode="json", exclude={"hash"})
        return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Break(Model):
    """Where the chain fails, and why in a sentence."""

    seq: int
    why: str


class Ledger:
    """The chain in Redis. There is no way to change or remove an entry here."""

    # Appends only when the head is still the one that the new entry was chained to.
    _APPEND = """
    if (redis.call('LINDEX', KEYS[1], -1) or '') ~= ARGV[1] then return 0 end
    redis.call('RPUSH', KEYS[1], ARGV[2])
    if ARGV[3] ~= '' then redis.call('RPUSH', KEYS[1] .. ':' .. ARGV[3], ARGV[4]) end
    return 1
    """

    def __init__(self, client: redis.Redis, secrets: tuple[str, ...] = (), key: str = "sre:ledger") -> None:
        self._redis = client
        self._secrets = secrets
        self._key = key
        self._append = client.register_script(self._APPEND)

    def append(
        self, event: str, *, actor: str, at: datetime, incident: str | None = None, data: dict[str, Any] | None = None
    ) -> Entry:
        """Add one entry at the end and return it.

        Raises: Conflict after 100 lost races in a row, which means something else is wrong.
        """
        clean = json.loads(mask(json.dumps(data or {}, default=str), self._secrets)) if data else {}
        for _ in range(100):
            last = as_text(self._redis.lindex(self._key, -1))
            before = Entry.model_validate_json(last) if last else None
            draft = Entry(
                seq=before.seq + 1 if before else 1, at=at, event=event, actor=actor, incident=incident, data=clean,
                prev=before.hash if before else GENESIS, hash="",
            )  # fmt: skip
            entry = draft.model_copy(update={"hash": draft.computed_hash()})
            if self._append(keys=[self._key], args=[last, entry.model_dump_json(), incident or "", entry.seq]):
                return entry
        raise Conflict("The ledger's head kept moving; try again.")

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Every entry from position `start`, oldest first, read in pages."""
        while page := self._redis.lrange(self._key, start, start + _PAGE - 1):
            for raw in page:
                yield Entry.model_validate_json(raw)
            start += _PAGE

    def after(self, seq: int, most: int) -> tuple[Entry, ...]:
        """At most so many entries that follow that number, oldest first."""
        first = as_text(self._redis.lindex(self._key, 0))
        begins = Entry.model_validate_json(first).seq if first else 1
        start = max(seq + 1 - begins, 0)
        return tuple(Entry.model_validate_json(raw) for raw in self._redis.lrange(self._key, start, start + most - 1))

    def of_incident(self, incident: str) -> tuple[Entry, ...]:
        """The entries of one incident, oldest first; empty when there are none."""
        seqs = self._redis.lrange(f"{self._key}:{incident}", 0, -1)
        found = (self._redis.lindex(self._key, int(seq) - 1) for seq in seqs)
        return tuple(Entry.model_validate_json(raw) for raw in found if raw)

    def head(self) -> tuple[int, str]:
        """The number and hash of the last entry; (0, GENESIS) when empty."""
        last = self._redis.lindex(self._key, -1)
        if not last:
            return 0, GENESIS
        entry = Entry.model_validate_json(last)
        return entry.seq, entry.hash

    def verify(self, known_head: tuple[int, str] | None = None) -> Break | None:
        """The first entry where the chain fails, or None when it holds.

        Args:
            known_head: A head noted outside the store; its absence or change shows truncation and rewriting.
        """
        prev, expected, noted = GENESIS, 1, None
        position = -1
        while page := self._redis.lrange(self._key, position + 1, position + _PAGE):
            for raw in page:
                position += 1
                try:
                    entry = Entry.model_validate_json(raw)
                except ValueError:
                    return Break(seq=expected, why="the entry is not readable")
                if entry.seq != expected:
                    return Break(seq=expected, why=f"entry {entry.seq} stands where {expected} should")
                if entry.prev != prev:
                    return Break(seq=expected, why="it does not continue the entry before")
                if entry.hash != entry.computed_hash():
                    return Break(seq=expected, why="its content was changed")
                if known_head and entry.seq == known_head[0]:
                    noted = entry.hash
                prev, expected = entry.hash, expected + 1
        if known_head and known_head[0] and noted != known_head[1]:
            why = "it differs from the noted head" if noted else "the ledger ends before the noted head"
            return Break(seq=known_head[0], why=why)
        return None
