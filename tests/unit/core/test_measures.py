"""Sums of made rows, checked by hand, and what is said of few."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.definitions import DEFINITIONS
from core.duty import DutyShift
from core.facts import ApprovalFact, IncidentFacts, PageFact, ShadowFact
from core.incident import Incident
from core.incidents_table import COLUMNS, as_csv
from core.measures import ALL, Calls, Spread, lasted, report, spread, summary, summed
from core.page import OnCall, Person, Shift
from core.periods import last_days
from core.records import Records
from core.tallies import Spent
from tests.conftest import NOON

WEEK = last_days(7, NOON)


def row(number: int = 1, ago_h: float = 24, **over: object) -> IncidentFacts:
    opened = (NOON - timedelta(hours=ago_h)).timestamp()
    values = {"id": f"INC-{number}", "opened": opened, "ended": opened + 900, "repaired": opened + 600}
    return IncidentFacts(**(values | over))  # type: ignore[arg-type]


def never(_at: float) -> bool:
    return False


def test_the_median_and_the_ninth_of_ten() -> None:
    assert spread([]) == Spread()
    assert spread([3, 1]) == Spread(2, 2, None)
    assert spread([1, 2, 3, 4, 100]) == Spread(5, 3, 100)
    assert spread([float(n) for n in range(1, 11)]) == Spread(10, 5.5, 9)
    assert spread([-5]) == Spread(1, 0, None)


def test_times_by_severity_and_in_all() -> None:
    at = row().opened
    rows = [
        row(1, severity="SEV1", acknowledged=at + 60, diagnosed=at + 20),
        row(2, severity="SEV2", acknowledged=at + 180), row(3, severity="SEV2"),
    ]  # fmt: skip
    found = summed(rows, WEEK, (), never)
    assert found.acknowledge == {ALL: Spread(2, 120), "SEV1": Spread(1, 60), "SEV2": Spread(1, 180)}
    assert found.diagnose == {ALL: Spread(1, 20), "SEV1": Spread(1, 20)}
    assert found.repair == {ALL: Spread(3, 600), "SEV1": Spread(1, 600), "SEV2": Spread(2, 600)}


def test_what_maintenance_hushed_counts_beside_the_others() -> None:
    found = summed([row(1, hushed=True, pages=(PageFact("U0LI", 1),)), row(2)], WEEK, (), never)
    assert (found.incidents, found.in_maintenance, found.calls.total, found.repair[ALL].count) == (1, 1, 0, 1)


def test_pages_by_person_at_night_and_by_shift() -> None:
    at = row().opened
    rows = [row(1, pages=(PageFact("U0LI", at), PageFact("U0LI", at + 7200))), row(2, pages=(PageFact("U0MARIA", at),))]
    shifts = [
        DutyShift("U0LI", at - 100, at + 3600), DutyShift("U0MARIA", at + 3600), DutyShift("U0JONAS", at - 9, at - 8),
        DutyShift("U0OLD", 0, 10),
    ]  # fmt: skip
    found = summed(rows, WEEK, shifts, lambda when: when == at)
    assert found.calls == Calls(3, 2, (("U0LI", 2), ("U0MARIA", 1)), shifts=3, most_in_shift=1)


def test_autonomy_is_of_what_was_done() -> None:
    ends = ("bot", "approved", "people", "people", "itself", "")
    found = summed([row(n, ended_by=end) for n, end in enumerate(ends)], WEEK, (), never)
    assert (found.acted, found.autonomy) == (4, 0.25)
    assert summed([row(ended_by="itself")], WEEK, (), never).autonomy is None


def test_approvals_shadow_and_cost_add_up() -> None:
    rows = [
        row(1, tokens=900, cost_usd=0.1, approvals=(
            ApprovalFact("granted", 30, "restart_pod", "x"), ApprovalFact("expired", None, "restart_pod", "x"),
        ), shadow=(ShadowFact(["A"], "restart_pod", [], "agreed"), ShadowFact(["A"], "restart_pod", [], "unknown"))),
        row(2, tokens=100, cost_usd=0.2, shadow=(ShadowFact(["A"], "restart_pod", [], "differed"),)),
    ]  # fmt: skip
    found = summed(rows, WEEK, (), never)
    assert (found.asked, found.approvals, found.wait) == (2, {"granted": 1, "expired": 1}, Spread(1, 30))
    assert (found.agreement, found.tokens, round(found.cost_usd, 2)) == (0.5, 1000, 0.3)


def test_a_report_is_of_its_time_its_service_and_the_time_before(records: Records) -> None:
    for facts in (
        row(1, 24, service="checkout"), row(2, 48, service="search"), row(3, 24 * 10, service="checkout"),
        row(4, 24 * 100),
    ):  # fmt: skip
        records.facts.put(facts)
    found = report(records, WEEK)
    assert (found.now.incidents, found.before.incidents, found.compares) == (2, 1, False)
    assert [week.incidents for week in found.weeks] == [0, 0, 0, 0, 0, 0, 1, 2]
    of_one = report(records, WEEK, "checkout")
    assert (of_one.now.incidents, of_one.before.incidents, of_one.now.notified) == (1, 1, None)


def test_the_time_before_compares_once_it_is_wholly_known(records: Records) -> None:
    old = Incident(id="INC-1", title="x", source="slack", opened_at=NOON - timedelta(days=20), state="resolved")
    records.incidents.save(old)
    assert report(records, WEEK).compares
    assert not report(records, last_days(14, NOON)).compares
    assert summary(report(records, WEEK))[0] == "0 incidents in the last 7 days; 0 in the time before"


def test_an_incident_that_was_reopened_is_open_whatever_its_row_says(records: Records) -> None:
    records.facts.put(row(1))
    records.incidents.save(Incident(id="INC-1", title="x", source="slack", opened_at=NOON - timedelta(days=1)))
    found = report(records, WEEK).now
    assert (found.incidents, found.still_open, found.repair[ALL].count) == (1, 1, 0)


def test_a_row_replaces_the_one_before_and_days_are_forgotten(records: Records) -> None:
    assert records.facts.put(row(1))
    full = row(1, ended_by="people", shadow=(ShadowFact(["A"], "restart_pod", ["x.y"], "agreed"),),
               pages=(PageFact("U0LI", 5.0),), approvals=(ApprovalFact("granted", 1.5, "k", "t"),),
               alert_types=("A", "B"))  # fmt: skip
    assert not records.facts.put(full)
    assert list(records.facts.between(WEEK.start, WEEK.end)) == [full]
    assert records.facts.known({"INC-1": full.opened, "INC-2": full.opened}) == {"INC-1"}
    assert records.facts.forget(NOON + timedelta(days=2)) == 1


def test_noise_and_questions_are_counted_by_the_day(records: Records) -> None:
    records.book.count(NOON, {"new": 10, "repeated": 80, "fired_again": 10, "opened": 2, "resolved": 50})
    records.tallies.add(0, 9, (), [(NOON, Spent(2, 500, 0.25)), (NOON - timedelta(days=60), Spent(9, 9, 9))])
    found = report(records, WEEK).now
    assert (found.notified, found.opened_by_alerts, found.noise_removed) == (100, 2, 0.98)
    assert (found.questions, found.tokens, found.cost_usd) == (2, 500, 0.25)


def test_a_shift_is_one_persons_time_without_a_break(records: Records) -> None:
    li, maria = (Person(id=name, name=name, slack=f"U0{name}") for name in ("LI", "MARIA"))

    def seen(minutes: int, *people: Person) -> None:
        now = NOON + timedelta(minutes=minutes)
        records.duty.note([OnCall(service="checkout", now=tuple(Shift(who=p) for p in people), read_at=now)], now)

    for minutes, people in ((0, [li]), (1, [li]), (2, [li, maria]), (3, [maria])):
        seen(minutes, *people)
    at = NOON.timestamp()
    found = set(records.duty.between(NOON - timedelta(days=1), NOON + timedelta(days=1)))
    assert found == {DutyShift("U0LI", at, at + 180), DutyShift("U0MARIA", at + 120)}
    assert set(records.duty.between(NOON + timedelta(hours=1), NOON + timedelta(days=1))) == {
        DutyShift("U0MARIA", at + 120)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (89, "89 s"), (150, "2 min"), (5400, "1 h 30 min"), (7200, "2 h"), (200_000, "2.3 days")],
)
def test_how_long_has_its_unit(seconds: float, said: str) -> None:
    assert lasted(seconds) == said


def test_the_summary_is_four_lines_also_of_nothing(records: Records) -> None:
    assert summary(report(records, WEEK)) == (
        "0 incidents in the last 7 days", "No incident ended, so there are no times", "0 pages",
        "None repaired without a person; 0 approvals asked; $0.00 for the model",
    )  # fmt: skip


def test_a_spreadsheet_takes_no_cell_for_a_formula() -> None:
    names = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", 'a,"b"\n')
    table = as_csv(row(n, service=name, acknowledged_by=name) for n, name in enumerate(names))
    lines = table.split("\r\n")
    assert lines[0] == ",".join(COLUMNS)
    import csv
    import io

    cells = [cell for line in csv.reader(io.StringIO(table, newline="")) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert "'=cmd|' /C calc'!A0" in cells


def test_every_figure_is_defined_once_in_the_same_words_everywhere() -> None:
    names = [name for name, _ in DEFINITIONS]
    assert len(set(names)) == len(names)
    told = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    assert [f"| {name} | {what} |" for name, what in DEFINITIONS if f"| {name} | {what} |" not in told] == []
