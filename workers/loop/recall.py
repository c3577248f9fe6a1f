"""Stage two: the runbooks and past incidents nearest to the case. Scores are facts, matches are hints."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Protocol, TypeVar

from core.diagnosis import Recall, Subject
from core.errors import SreError
from core.incident import Alert
from core.log import get_logger
from core.mask import mask
from core.observation import Observation
from workers.ports import Memory

log = get_logger(__name__)

LIMIT = 5
_FINDINGS = 2  # more of them blur the query


class _Hit(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def score(self) -> float: ...


H = TypeVar("H", bound=_Hit)


def recall(
    subject: Subject, observation: Observation, alerts: tuple[Alert, ...], memory: Memory, secrets: tuple[str, ...] = ()
) -> Recall:
    """The five nearest runbooks and past incidents, best first; each keeps its best score over all questions. What they
    say is masked: people wrote them.

    A memory that cannot be read is listed, not raised: the evidence stands without it.
    """
    texts = questions(subject, observation, alerts)
    try:
        runbooks = memory.search_runbooks_batch(texts, LIMIT)
        incidents = [memory.search_incidents(text, LIMIT) for text in texts]
    except SreError as error:
        log.warning("memory_unreadable", why=str(error))
        return Recall(could_not_read=(f"runbooks and past incidents ({error})",))
    near = _best(hit for hits in runbooks for hit in hits), _best(hit for hits in incidents for hit in hits)
    masked = partial(mask, known=secrets)
    return Recall(
        runbooks=tuple(
            hit.model_copy(update={"title": masked(hit.title), "excerpt": masked(hit.excerpt)}) for hit in near[0]
        ),
        incidents=tuple(
            hit.model_copy(update={"title": masked(hit.title), "outcome": masked(hit.outcome)}) for hit in near[1]
        ),
    )


def questions(subject: Subject, observation: Observation, alerts: tuple[Alert, ...]) -> tuple[str, ...]:
    """What the memory is asked: each kind of alert, else the words; and what triage found, in its own words."""
    asked = [alert_question(alert) for alert in alerts] or [subject.text]
    found = [f"{f.condition}: {f.message}" for f in observation.findings[:_FINDINGS]]
    return tuple(dict.fromkeys(mask(text)[:1000] for text in (*asked[:3], *found) if text.strip()))


def alert_question(alert: Alert) -> str:
    """An alert as a question to the memory: its name and what it says of itself."""
    said = (alert.annotations.get("summary", ""), alert.annotations.get("description", ""))
    return "\n".join(part for part in (alert.name, *said) if part)


def _best(hits: Iterable[H]) -> tuple[H, ...]:
    best: dict[str, H] = {}
    for hit in hits:
        if hit.id not in best or hit.score > best[hit.id].score:
            best[hit.id] = hit
    return tuple(sorted(best.values(), key=lambda hit: hit.score, reverse=True)[:LIMIT])
