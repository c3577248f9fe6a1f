"""The black box: append-only, each entry holding the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import redis

from core.errors import Conflict
from core.mask import mask
from core.model import Model, Moment
from core.redis import as_text

GENESIS = "0" * 64
TRIMMED = "ledger.trimmed"
_PAGE = 1000
_AT_ONCE = 50  # entries found in one step, in which Redis does nothing else: some 10 ms in the middle of a million


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
    """The chain in Redis. There is no way to change an entry here, nor to remove one that was not exported."""

    # Appends only when the head is still the one that the new entry was chained to.
    _APPEND = """
    if (redis.call('LINDEX', KEYS[1], -1) or '') ~= ARGV[1] then return 0 end
    redis.call('RPUSH', KEYS[1], ARGV[2])
    if ARGV[3] ~= '' then redis.call('RPUSH', KEYS[1] .. ':' .. ARGV[3], ARGV[4]) end
    return 1
    """

    # Drops the first entries, all at once, when the ledger still begins where it was compared.
    _TRIM = """
    if cjson.decode(redis.call('LINDEX', KEYS[1], 0))['seq'] ~= tonumber(ARGV[1]) then return 0 end
    redis.call('LTRIM', KEYS[1], ARGV[2], -1)
    return 1
    """

    # The entries of these numbers that are kept. Redis walks to each, here from the end that is nearer.
    _FIND = """
    local found, first, length = {}, redis.call('LINDEX', KEYS[1], 0), redis.call('LLEN', KEYS[1])
    local begins = first and cjson.decode(first)['seq']
    for _, seq in ipairs(first and ARGV or {}) do
        local at = tonumber(seq) - begins
        local raw = at >= 0 and redis.call('LINDEX', KEYS[1], at > length / 2 and at - length or at)
        if raw then found[#found + 1] = raw end
    end
    return found
    """

    def __init__(self, client: redis.Redis, secrets: tuple[str, ...] = (), key: str = "sre:ledger") -> None:
        self._redis = client
        self._secrets = secrets
        self._key = key
        self._append = client.register_script(self._APPEND)
        self._find = client.register_script(self._FIND)
        self._trim = client.register_script(self._TRIM)

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

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Every entry that is kept and follows that number, oldest first, read in pages."""
        start = max(after + 1 - self.begins(), 0)
        while page := self._redis.lrange(self._key, start, start + _PAGE - 1):
            for raw in page:
                yield Entry.model_validate_json(raw)
            start += _PAGE

    def after(self, seq: int, most: int) -> tuple[Entry, ...]:
        """At most so many of these."""
        return tuple(islice(self.entries(seq), most))

    def begins(self) -> int:
        """The number of the first entry that is kept; more than 1 after a trim."""
        first = self._redis.lindex(self._key, 0)
        return Entry.model_validate_json(first).seq if first else 1

    def of_incident(self, incident: str) -> tuple[Entry, ...]:
        """The entries of one incident, oldest first; empty when there are none."""
        numbers = self._redis.lrange(f"{self._key}:{incident}", 0, -1)
        parts = (numbers[first : first + _AT_ONCE] for first in range(0, len(numbers), _AT_ONCE))
        return tuple(
            Entry.model_validate_json(raw) for part in parts for raw in self._find(keys=[self._key], args=part)
        )

    def trim(self, exported: Iterable[Entry], before: datetime, *, actor: str, at: datetime) -> Entry | None:
        """Drop the entries from before that time, if `exported` holds each of them as it stands here and their chain
        holds; that it was done stays in the chain, as the entry that is returned. None when there is nothing to drop.
        Killed in between, it is safe to repeat.

        Raises: Conflict with one sentence when something differs; then nothing is dropped.
        """
        begins, last, incidents = self.begins(), None, set[str]()
        copies = iter(exported)
        for entry in self.entries():
            if entry.at >= before:
                break
            copy = next((c for c in copies if c.seq >= begins), None)
            if copy is None:
                raise Conflict(f"The export ends before entry {entry.seq}, which is older too; export again.")
            if copy != entry or entry.hash != entry.computed_hash() or (last and entry.prev != last.hash):
                raise Conflict(f"The export and the ledger differ at entry {entry.seq}; nothing was trimmed.")
            last = entry
            incidents |= {entry.incident} if entry.incident else set()
        if last is None:
            return None
        noted = self.append(TRIMMED, actor=actor, at=at, data={"through": last.seq, "hash": last.hash})
        self._trim(keys=[self._key], args=[begins, last.seq + 1 - begins])
        for incident in incidents:
            self._forget_numbers(f"{self._key}:{incident}", last.seq)
        return noted

    def _forget_numbers(self, key: str, through: int) -> None:
        held = [int(seq) for seq in self._redis.lrange(key, 0, -1)]
        self._redis.ltrim(key, sum(seq <= through for seq in held), -1)

    def touched_by(self, is_meant: Callable[[str], object], incidents: Iterable[str]) -> set[str]:
        """Those of these incidents in which an actor that is meant did anything."""
        ids, begins = list(incidents), self.begins()
        found: set[str] = set()
        for first in range(0, len(ids), _PAGE):
            page = ids[first : first + _PAGE]
            pipe = self._redis.pipeline(transaction=False)
            for incident in page:
                pipe.lrange(f"{self._key}:{incident}", 0, -1)
            held = [
                (i, int(seq))
                for i, seqs in zip(page, pipe.execute(), strict=True)
                for seq in seqs
                if int(seq) >= begins
            ]
            for _, seq in held:
                pipe.lindex(self._key, seq - begins)
            entries = zip(held, pipe.execute(), strict=True)
            found |= {i for (i, _), raw in entries if raw and is_meant(str(json.loads(raw)["actor"]))}
        return found

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
        trimmed: tuple[int, str] | None = None  # where the chain begins, until an entry says that it was trimmed there
        position = -1
        while page := self._redis.lrange(self._key, position + 1, position + _PAGE):
            for raw in page:
                position += 1
                try:
                    entry = Entry.model_validate_json(raw)
                except ValueError:
                    return Break(seq=expected, why="the entry is not readable")
                if position == 0 and entry.seq > 1:
                    trimmed, prev, expected = (entry.seq - 1, entry.prev), entry.prev, entry.seq
                if entry.seq != expected:
                    return Break(seq=expected, why=f"entry {entry.seq} stands where {expected} should")
                if entry.prev != prev:
                    return Break(seq=expected, why="it does not continue the entry before")
                if entry.hash != entry.computed_hash():
                    return Break(seq=expected, why="its content was changed")
                if known_head and entry.seq == known_head[0]:
                    noted = entry.hash
                if entry.event == TRIMMED and (entry.data.get("through"), entry.data.get("hash")) == trimmed:
                    trimmed = None
                prev, expected = entry.hash, expected + 1
        if trimmed:
            return Break(seq=1, why=f"entry {trimmed[0] + 1} stands where 1 should, and nobody noted a trim")
        is_kept = known_head and known_head[0] >= self.begins()  # else it was trimmed with its entry
        if known_head and is_kept and noted != known_head[1]:
            why = "it differs from the noted head" if noted else "the ledger ends before the noted head"
            return Break(seq=known_head[0], why=why)
        return None
