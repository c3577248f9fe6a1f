"""What shadow mode kept back, by kind of alert: whether people did the same, and what is missing before the bot may act
alone on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from core.facts import ShadowFact
from core.periods import Period
from core.records import Records

ENOUGH = 10  # comparisons before a share of them says anything; guessed
AGREES = 0.9  # the share from which acting alone may be weighed; guessed


@dataclass(frozen=True)
class TypeRecord:
    """One kind of alert. The name is foreign."""

    alert_type: str
    proposals: int
    free: int  # nothing but the mode stood in their way: I would have acted
    agreed: int
    differed: int
    obstacles: tuple[tuple[str, int], ...]  # the policy's codes, the most frequent first
    listed: bool  # in autonomy.alert_types
    judged: tuple[int, int] | None = None  # diagnoses that were right, and all of which somebody said

    @property
    def compared(self) -> int:
        return self.agreed + self.differed

    @property
    def unknown(self) -> int:
        return self.proposals - self.compared

    @property
    def agreement(self) -> float | None:
        """None when nothing could be compared."""
        return self.agreed / self.compared if self.compared else None

    @property
    def has_proved_itself(self) -> bool:
        return self.compared >= ENOUGH and (self.agreement or 0) >= AGREES


@dataclass(frozen=True)
class ShadowReport:
    """All kinds of alert in a time, the most proposals first."""

    period: Period
    types: tuple[TypeRecord, ...]
    mode: str

    @property
    def proposals(self) -> int:
        return sum(each.proposals for each in self.types)


def shadow_report(records: Records, period: Period, service: str | None = None) -> ShadowReport:
    """Of all incidents that ended, or of one service's. Reads Redis only."""
    by_type: dict[str, list[ShadowFact]] = {}
    for row in records.facts.between(period.start, period.end):
        if service in (None, row.service):
            for fact in row.shadow:
                for name in fact.alert_types or ["without an alert"]:
                    by_type.setdefault(name, []).append(fact)
    autonomy = records.settings.config.autonomy
    types = [_record(name, facts, records) for name, facts in by_type.items()]
    return ShadowReport(
        period, tuple(sorted(types, key=lambda each: (-each.proposals, each.alert_type))),
        records.switches.find("mode") or autonomy.mode,
    )  # fmt: skip


def _record(name: str, facts: list[ShadowFact], records: Records) -> TypeRecord:
    agreed = Counter(fact.agreed for fact in facts)
    obstacles = Counter(code for fact in facts for code in fact.obstacles)
    return TypeRecord(
        alert_type=name, proposals=len(facts), free=sum(not fact.obstacles for fact in facts),
        agreed=agreed["agreed"], differed=agreed["differed"],
        obstacles=tuple(sorted(obstacles.items(), key=lambda item: (-item[1], item[0]))),
        listed=name in records.settings.config.autonomy.alert_types, judged=records.outcomes.record([name]),
    )  # fmt: skip
