"""Metrics, shadow and toil, whatever is in them: Slack takes it, and no foreign text acts as markup."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from blocks.measures import bars, definitions_modal, measures_view
from blocks.shadow import shadow_view
from blocks.toil import mine_view, noted_view, toil_form, week_view
from core.diagnosis import ActionKind
from core.measures import ALL, Calls, Measures, Report, Spread
from core.periods import last_days
from core.shadow import ShadowReport, TypeRecord
from core.toil import ToilEntry
from core.toil_groups import works
from sandbox.slack.views import check_view, is_too_large
from tests.unit.blocks.test_limits import anything, holds, strings
from tests.unit.blocks.worlds import NOON, moments, texts, words

users = st.one_of(st.sampled_from(["U0MARIA", "U0LI"]), words)
figures = st.floats(0, 10**9)
counts = st.integers(0, 10**9)
spreads = st.builds(Spread, st.integers(1, 10**6), figures, st.none() | figures)
by_severity = st.dictionaries(st.sampled_from([ALL, "SEV1", "SEV2", "SEV3", "SEV4"]), spreads).filter(
    lambda held: not held or ALL in held
)
calls = st.builds(
    Calls, counts, counts, st.lists(st.tuples(users, counts), max_size=30).map(tuple), st.integers(0, 99), counts
)
measures = st.builds(
    Measures, period=st.just(last_days(30, NOON)), incidents=counts, still_open=counts, in_maintenance=counts,
    acknowledge=by_severity, diagnose=by_severity, repair=by_severity, calls=calls,
    ended_by=st.dictionaries(st.sampled_from(["bot", "approved", "people", "itself", ""]), counts),
    approvals=st.dictionaries(st.sampled_from(["granted", "rejected", "expired", "superseded"]), counts),
    wait=st.just(Spread()) | spreads,
    shadow=st.dictionaries(st.sampled_from(["agreed", "differed", "unknown"]), counts), tokens=counts, cost_usd=figures,
    questions=counts, notified=st.none() | counts, opened_by_alerts=counts,
)  # fmt: skip
records = st.builds(
    TypeRecord, alert_type=texts, proposals=st.integers(1, 99), free=st.integers(0, 99), agreed=st.integers(0, 50),
    differed=st.integers(0, 50), obstacles=st.lists(st.tuples(words, counts), max_size=9).map(tuple),
    listed=st.booleans(), judged=st.none() | st.tuples(counts, counts),
)  # fmt: skip
entries = st.builds(
    ToilEntry, id=st.integers(1, 10**6).map("TOIL-{}".format), user=users, minutes=st.integers(1, 1440), what=texts,
    at=moments, service=st.none() | words, incident=st.none() | st.just("INC-7"),
    alert_types=st.lists(words, max_size=5).map(tuple),
)  # fmt: skip


def holds_as_modal(view: dict[str, Any]) -> None:
    check_view(view)
    assert not is_too_large(view)


@given(measures, measures, st.none() | texts)
@anything
def test_any_metrics(now: Measures, before: Measures, service: str | None) -> None:
    view = measures_view(Report(now, before, (before, now) * 4, service), "30d")
    holds(view)
    assert len(view.blocks) <= 5


@given(st.lists(records, max_size=40), st.sampled_from(["shadow", "assist", "autonomous"]), st.none() | texts, texts)
@anything
def test_any_shadow_report(types: list[TypeRecord], mode: str, service: str | None, why: str) -> None:
    sentences = {code: why for record in types for code, _ in record.obstacles}
    holds(shadow_view(ShadowReport(last_days(90, NOON), tuple(types), mode), service, sentences))


@given(st.lists(entries, max_size=60), st.lists(st.tuples(st.sampled_from(get_args(ActionKind)), texts, counts)), words)
@anything
def test_any_toil(held: list[ToilEntry], repeated: list[Any], listed: str) -> None:
    grouped = works(held)
    assert sum(work.minutes for work in grouped) == sum(entry.minutes for entry in held)
    for view in (
        mine_view(held, grouped, NOON + timedelta(days=1)),
        week_view(grouped, repeated, "the week of 23 Nov", [listed]),
        *map(noted_view, held[:3]),
    ):
        holds(view)


@given(texts)
@anything
def test_any_form(about: str) -> None:
    form = toil_form({"incident": "INC-1", "place": ["U0MARIA", "C0SRE", None, None]}, about)
    holds_as_modal(form)
    assert all("<!" not in each and "<@" not in each for each in strings(form["blocks"]))
    holds_as_modal(definitions_modal())


def test_bars_are_of_one_height_each() -> None:
    assert bars([0, 1, None, 2, 4]) == "▁▃·▅█"
    assert bars([None, None]) == "··"
    assert bars([0, 0]) == "▁▁"
