"""A draft of what is written after an incident: sentences, each with what it rests on."""

from __future__ import annotations

import hashlib
from typing import Literal

import redis

from core.diagnosis import Usage
from core.model import Model, Moment
from core.redis import as_text

Part = Literal["summary", "impact", "timeline", "cause", "well", "badly", "actions", "followups"]
PARTS: tuple[Part, ...] = ("summary", "impact", "timeline", "cause", "well", "badly", "actions", "followups")
_PREFIX = "sre:postmortem:"


class Source(Model):
    """What a sentence rests on; texts are foreign."""

    id: str  # "L12" of the ledger, "e3" of the evidence, "M1" a message, "P1" a query made for the draft, "C1" a change
    text: str  # what it is, one line
    link: str | None = None


class Sentence(Model):
    """One statement. `text` may hold foreign text, masked; it is escaped where it is shown."""

    text: str
    cites: tuple[str, ...]  # ids of sources; never empty in a draft
    by: str = ""  # the author's name, where it only repeats what a person said


class Section(Model):
    part: Part
    sentences: tuple[Sentence, ...] = ()


class Draft(Model):
    """One draft. Nobody has confirmed it; a person edits what was made of it, never this."""

    incident: str  # "INC-7"
    title: str
    number: int = 1
    at: Moment
    still_open: bool = False
    writer: Literal["assembled", "claude"] = "assembled"
    note: str | None = None  # "Claude could not be reached, so it was assembled."
    sections: tuple[Section, ...]
    sources: tuple[Source, ...]  # those that are cited, in order
    struck: int = 0  # sentences without a source, left out
    replaced: int = 0  # sentences of Claude's that their sources do not bear out
    could_not_read: tuple[str, ...] = ()
    usage: Usage = Usage()

    def gist(self) -> str:
        """The same for two drafts that rest on the same."""
        return hashlib.sha256("\n".join(source.model_dump_json() for source in self.sources).encode()).hexdigest()[:16]


class Posted(Model):
    """Where a draft was put."""

    number: int
    gist: str  # a digest of what it said
    link: str = ""
    how: Literal["canvas", "file", "nowhere"]
    at: Moment


class Postmortems:
    """What was posted of each incident, in order; kept as long as the incident."""

    def __init__(self, client: redis.Redis, keep_s: int | None = None) -> None:
        self._redis = client
        self._keep_s = keep_s

    def posted(self, incident_id: str) -> tuple[Posted, ...]:
        raw = self._redis.lrange(_PREFIX + incident_id, 0, -1)
        return tuple(Posted.model_validate_json(as_text(one)) for one in raw)

    def note(self, incident_id: str, posted: Posted) -> None:
        self._redis.rpush(_PREFIX + incident_id, posted.model_dump_json())
        if self._keep_s:
            self._redis.expire(_PREFIX + incident_id, self._keep_s)
