"""What a digest is made of: what counts as noise, who was woken, what is to be watched, how many bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.diagnosis import Diagnosis, Investigation, RootCause, Subject
from core.digest_settings import DigestTime
from core.incident import Incident
from core.page import Change, Page, Person
from core.records import Records, open_records
from core.settings import Channels, Config, Service, Settings
from tests.flow import digest_lab as lab
from workers.digest.making import make
from workers.digest.material import Period, scope

DAY = timedelta(days=1)
MARIA = Person(id="P1", name="Maria", slack="U0MARIA")


@pytest.fixture
def nine(records: Records) -> Records:
    settings = records.settings.model_copy(update={"pagerduty_webhook_secret": SecretStr("s")})
    return open_records(settings, records.redis, now=lambda: lab.NINE)


def period(services: frozenset[str] | None = None) -> Period:
    return Period(lab.NINE - DAY, lab.NINE, "Europe/Berlin", services)


def test_noise_is_what_ended_by_itself_while_nobody_acted(nine: Records) -> None:
    lab.night(nine)
    nine.firings.note([lab.firing("Slow", "checkout", lab.NINE - timedelta(hours=2), 60, incident="INC-42"),
                       lab.firing("Slow", "checkout", lab.NINE - timedelta(hours=3), 60),
                       lab.firing("Slow", "checkout", lab.NINE - timedelta(hours=30), 60)])  # fmt: skip
    found = make(nine, period())
    assert (found.alerts, found.noise, found.firing) == (4, 1, 0)


def test_a_service_s_digest_is_about_that_service(nine: Records) -> None:
    lab.noise(nine)
    lab.night(nine)
    found = make(nine, period(frozenset({"checkout"})))
    assert [d.event.service for d in found.deploys] == ["checkout"]
    assert ([b.id for b in found.broke], found.alerts) == (["INC-42"], 1)


def test_what_broke_is_told_by_its_cause_not_by_what_the_card_says_of_the_repair(nine: Records) -> None:
    cause = RootCause(
        condition="CrashLoopBackOff", target="Deployment/a", namespace="shop", statement="It cannot start."
    )
    found = Diagnosis(
        status="diagnosed", root_cause=cause, confidence=0.9, confidence_why=(), evidence_coverage=1.0, claims=(),
        reasoner="runbooks",
    )  # fmt: skip
    at = lab.NINE - timedelta(hours=2)
    nine.investigations.save(
        Investigation(id="INV-1", incident="INC-1", subject=Subject(text="a"), started_at=at, diagnosis=found)
    )
    told = {"investigation": "INV-1", "headline": "Rolled a back."}
    nine.incidents.save(Incident(id="INC-1", title="t", source="slack", opened_at=at, **told))
    assert [broke.cause for broke in make(nine, period()).broke] == ["It cannot start."]


@pytest.mark.parametrize(("at", "woken"), [("02:15", True), ("06:59", True), ("07:00", False), ("21:59", False)])
def test_a_page_at_night_woke_somebody(nine: Records, at: str, woken: bool) -> None:
    hours, minutes = map(int, at.split(":"))
    day = lab.NINE if hours < 9 else lab.NINE - DAY
    when = day.replace(hour=0) + timedelta(hours=hours - 1, minutes=minutes)  # Berlin's winter
    page = Page(id="Q1", number=1, title="t", status="resolved", as_of=when)
    nine.incidents.save(Incident(id="INC-1", title="t", source="pagerduty", opened_at=when, pages=(page,)))
    nine.pages.add_change("INC-1", Change(id="c1", kind="triggered", number=1, at=when, to=(MARIA,)))
    found = make(nine, period()).woken
    assert found is not None
    assert [(w.incident, w.at, w.who) for w in found] == ([("INC-1", when, ("U0MARIA",))] if woken else [])


def test_without_pagerduty_nothing_is_said_of_the_night(records: Records) -> None:
    assert make(records, Period(records.now() - DAY, records.now())).woken is None


def test_a_deploy_of_a_minute_ago_is_too_new_and_a_renewed_certificate_is_no_matter(nine: Records) -> None:
    lab.morning(nine)
    nine.changes.note(lab.deploy("search", lab.NINE - timedelta(minutes=9), "1.0", "1.1"))
    event = nine.changes.find("cert")
    assert event is not None
    nine.changes.note(event.model_copy(update={"id": "renewed", "at": event.at + DAY, "due": lab.NINE + 80 * DAY}))
    assert [watch.text for watch in make(nine, period()).watch] == [
        "search 1.1 is too new to tell, rolled out", "a silence on DiskFull, node-3 ends today",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "end", "bars"),
    [
        (datetime(2026, 3, 28, 8, tzinfo=UTC), datetime(2026, 3, 29, 7, tzinfo=UTC), 23),
        (datetime(2026, 10, 24, 7, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC), 25),
        (datetime(2026, 11, 25, 8, 40, tzinfo=UTC), datetime(2026, 11, 26, 8, tzinfo=UTC), 24),
        (datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC), 36),
        (datetime(2026, 11, 16, 8, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC), 28),
        (datetime(2026, 10, 24, 8, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC), 30),
    ],
)
def test_every_alert_is_in_a_bar(records: Records, start: datetime, end: datetime, bars: int) -> None:
    records = open_records(records.settings, records.redis, now=lambda: end)
    for at in (start, start + timedelta(hours=5, minutes=59), end - timedelta(seconds=1)):
        records.firings.note([lab.firing("Slow", "checkout", at, 0.5)])
    found = make(records, Period(start, end, "Europe/Berlin"))
    assert len(found.bars) == bars
    assert sum(bar.counts.get("checkout", 0) for bar in found.bars) == found.alerts == 3


@pytest.mark.parametrize(
    ("channel", "time", "services"),
    [
        ("C0SRE", None, None),
        ("C0SHOP", None, {"checkout"}),
        ("C0ELSE", None, None),
        ("C0SRE", DigestTime(services=("search",)), {"search"}),
    ],
)
def test_which_services_a_channel_is_told_of(channel: str, time: DigestTime | None, services: set[str] | None) -> None:
    config = Config(services={"checkout": Service(channel="C0SHOP"), "search": Service()},
                    channels=Channels(fallback="C0SRE"))  # fmt: skip
    assert scope(channel, time, Settings(data_dir=Path("/nowhere"), config=config)) == services
