"""Toil that is the same work, by its words; and what of it the bot could do. The same entries always group the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from core.agreement import kinds_in
from core.diagnosis import ActionKind
from core.toil import ToilEntry

_ALIKE = 0.6  # of two sets of words, what is shared against what is in either; guessed
_FILLING = frozenset(
    "a an the and or of for to in on at by with from because again it its was were is be been had have did do done "
    "had my our some one all this that after before while manually hand once more stuck broken bad".split()
)
# Which action stands for what a word may mean in general.
_FIRST: tuple[ActionKind, ...] = (
    "restart_deployment", "rollback_deployment", "scale_deployment", "silence_alert", "rerun_job", "drain_node",
    "cordon_node", "rotate_credentials", "shift_traffic", "set_resources",
)  # fmt: skip


@dataclass(frozen=True)
class Work:
    """The same work, done once or more often."""

    entries: tuple[ToilEntry, ...]  # oldest first

    @property
    def minutes(self) -> int:
        return sum(entry.minutes for entry in self.entries)

    @property
    def what(self) -> str:
        """As it was said last; foreign."""
        return self.entries[-1].what

    @property
    def people(self) -> int:
        return len({entry.user for entry in self.entries})

    @property
    def action(self) -> ActionKind | None:
        """The action of the catalogue that its words name; None when they name none, or several."""
        found = Counter(kind for entry in self.entries if (kind := _action(entry.what)))
        return found.most_common(1)[0][0] if found else None

    @property
    def alert_type(self) -> str | None:
        """The kind of alert that most of it was about, if half or more was about one."""
        found = Counter(name for entry in self.entries for name in entry.alert_types)
        if not found:
            return None
        name, times = min(found.items(), key=lambda item: (-item[1], item[0]))
        return name if times * 2 >= len(self.entries) else None


def works(entries: Iterable[ToilEntry]) -> tuple[Work, ...]:
    """The entries grouped, the most minutes first."""
    groups: list[tuple[frozenset[str], list[ToilEntry]]] = []
    for entry in sorted(entries, key=lambda e: (e.at, e.id)):
        words = words_of(entry.what)
        best = max(groups, key=lambda group: _likeness(group[0], words), default=None)
        if best and _likeness(best[0], words) >= _ALIKE:
            best[1].append(entry)
        else:
            groups.append((words, [entry]))
    found = [Work(tuple(held)) for _, held in groups]
    return tuple(sorted(found, key=lambda work: (-work.minutes, work.entries[0].at, work.entries[0].id)))


def words_of(what: str) -> frozenset[str]:
    """Its telling words, without endings and figures: "restarted the importer-7f9 again" is {restart, import}."""
    said = re.findall(r"[^\W\d_]{2,}", re.sub(r"\b\w*\d\w*\b", " ", what.lower()))
    return frozenset(_stem(word) for word in said if word not in _FILLING) or frozenset(what.lower().split())


def _stem(word: str) -> str:
    if word.endswith("s") and not word.endswith("ss") and len(word) > 4:
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word.rstrip("e") if len(word) > 4 else word


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def _action(what: str) -> ActionKind | None:
    found = kinds_in(what)
    return next((kind for kind in _FIRST if kind in found), None)
