"""A digest from the records, with what Prometheus has of the rules where it answers."""

from __future__ import annotations

from core.digest import Digest, RuleTimes
from core.digest_runs import DigestRuns
from core.errors import ToolError, Unreachable
from core.log import get_logger
from core.records import Records
from workers.digest.compose import compose
from workers.digest.material import Period, read
from workers.ports import Metrics, Rule

log = get_logger(__name__)

MOST_RULES = 12  # that are asked for: Prometheus sends all its rules each time


class Rules:
    """What Prometheus has of an alert's rule; what it had last, where it does not answer or was not to be asked."""

    def __init__(self, runs: DigestRuns, sources: tuple[Metrics, ...] = ()) -> None:
        self._runs = runs
        self._sources = sources
        self._asked = 0

    def __call__(self, alert: str) -> RuleTimes | None:
        if self._sources and self._asked < MOST_RULES:
            self._asked += 1
            self._read(alert)
        return self._runs.rule(alert)

    def _read(self, alert: str) -> None:
        found: list[Rule] = []
        for metrics in self._sources:
            try:
                found += metrics.rules(alert)
            except (ToolError, Unreachable) as error:
                log.warning("rule_not_read", why=str(error))
                self._sources = tuple(each for each in self._sources if each is not metrics)
                return
        times = {(rule.for_s, rule.keep_firing_for_s) for rule in found}
        first = found[0] if len(times) == 1 else None  # of several that differ none is "the rule"
        self._runs.keep_rule(
            alert,
            RuleTimes(for_s=first.for_s, keep_firing_for_s=first.keep_firing_for_s, group=first.group[:200],
                      file=first.file[:300]) if first else None,
        )  # fmt: skip


def make(records: Records, period: Period, sources: tuple[Metrics, ...] = ()) -> Digest:
    """The digest; the changes of rules that it shows are kept for their buttons."""
    runs, settings = DigestRuns(records.redis), records.settings
    paging = settings.pagerduty_api_key is not None or settings.pagerduty_webhook_secret is not None
    digest = compose(read(records, period), Rules(runs, sources), settings.config.incidents.night, paging=paging)
    runs.keep_changes(digest.changes_of_rules)
    return digest
