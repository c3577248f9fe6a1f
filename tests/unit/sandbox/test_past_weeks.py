"""What the pretend company's weeks tell: a rule that its Prometheus has, made quieter."""

from __future__ import annotations

from datetime import timedelta

from core.digest import RuleTimes
from core.digest_runs import DigestRuns
from core.records import Records
from sandbox.alert_rules import RULES
from sandbox.past_weeks import FLAPPING, NOISY, seed
from tests.conftest import NOON
from workers.digest.making import make
from workers.digest.material import Period


def test_a_digest_of_the_sandbox_has_something_true_to_say(records: Records) -> None:
    seed(records)
    seed(records)
    held = {rule.alert: rule for rule in RULES}
    for name in (NOISY, FLAPPING):
        DigestRuns(records.redis).keep_rule(name, RuleTimes(for_s=held[name].for_s))
    found = make(records, Period(NOON - timedelta(days=1), NOON))
    changes = {change.alert: (change.kind, change.seconds) for change in found.changes_of_rules}
    assert changes == {NOISY: ("for", 600), FLAPPING: ("keep_firing_for", 180)}
    assert (len(found.deploys), found.broke, [w.text for w in found.watch]) == (
        2, (), ["certificate of shop.example ends in 9 days"],
    )  # fmt: skip
    assert {n.alert: n.firings for n in found.noisy}[NOISY] == 31
