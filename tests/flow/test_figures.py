"""Metrics, shadow and toil in a pretend Slack, and what Prometheus scrapes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from blocks.measures import EXPORT, SHOW_DEFINITIONS
from blocks.parts import as_text
from blocks.toil import LOG_TOIL, UNDO_TOIL
from core.accounting import count_incident
from core.command import Command, Fix
from core.definitions import DEFINITIONS
from core.digest_settings import DigestTime
from core.facts import ApprovalFact, IncidentFacts, PageFact, ShadowFact
from core.incident import Incident
from core.incidents_table import COLUMNS
from core.records import Records
from core.settings import Channels
from core.tallying import tallies_of
from core.toil import ToilEntry
from sandbox.slack import App, Outcome
from sandbox.slack.state import LI, MARIA
from tests.conftest import NOON
from tests.flow.conftest import CONFIG, MANIFEST, Face, Starter
from tests.flow.test_incident_orders import no, opened, told
from workers import jobs, toil
from workers.adapters.slack import SlackAdapter
from workers.world import World, use


@pytest.fixture
def face(start: Starter) -> Iterator[Face]:
    face = start("http")
    yield face
    assert face.slack.server.breaches == []


def sre(face: Face, words: str, user: str = "maria") -> str:
    """What somebody is answered, as it reads."""
    outcome: Outcome = face.slack.command(user, "#sre", "/sre", words)
    assert outcome.acked, outcome
    shown = face.slack.server.ephemerals(user)[-1]
    return "\n".join(as_text(block) for block in shown.blocks) or shown.text


def newest(face: Face, user: str = "maria") -> str:
    return str(face.slack.server.ephemerals(user)[-1].ts)


def row(number: int, ago_h: float = 24, **over: object) -> IncidentFacts:
    at = (NOON - timedelta(hours=ago_h)).timestamp()
    values = {"id": f"INC-{number}", "opened": at, "ended": at + 900, "repaired": at + 600, "service": "checkout"}
    return IncidentFacts(**(values | over))  # type: ignore[arg-type]


def keep(face: Face, *rows: IncidentFacts) -> None:
    for each in rows:
        face.records.facts.put(each, tallies_of(each))


def work(face: Face, *names: str) -> None:
    """Do what waits for the notifier, as far as it is named."""
    use(World(records=face.records, open_outside=no, slack=SlackAdapter(face.records.settings)))
    for name, *ids in face.jobs("notify"):
        if name in names:
            getattr(jobs, name)(*ids)


def test_metrics_of_an_install_without_incidents(face: Face) -> None:
    said = sre(face, "metrics")
    assert said.startswith("Metrics, the last 30 days · the time before is not wholly known\nIncidents 0\n")
    assert "0 incidents in 8 weeks: too few for a trend" in said
    assert "To repair no incident to tell it of" in said


def test_metrics_of_a_time_and_a_service(face: Face) -> None:
    long_ago = {"id": "INC-0", "title": "x", "source": "slack", "state": "resolved"}
    face.records.incidents.save(Incident.model_validate(long_ago | {"opened_at": NOON - timedelta(days=90)}))
    at = row(1).opened
    keep(face, *(row(n, acknowledged=at + 60 * n, pages=(PageFact(MARIA, at),), ended_by="people", cost_usd=0.1)
                 for n in range(1, 6)))  # fmt: skip
    keep(face, row(9, 48, service="search", ended_by="bot", severity="SEV1"))
    said = sre(face, "metrics 7d checkout")
    assert said.startswith("Metrics of checkout, the last 7 days")
    assert "Incidents 5 (0)" in said
    assert "To acknowledge median 3 min, 90 % within 5 min, of 5" in said
    assert f"Pages 5 (0), 0 at night (0) · {MARIA} 5" in said
    assert "Autonomy 0 %: 0 by me alone, 0 on approval, 5 by people" in said
    assert "Cost $0.50 ($0.00), 0 tokens · $0.10 an incident" in said
    assert "Incidents 6 (0)" in sre(face, "metrics")
    assert sre(face, "metrics chekout") == "I know no service chekout. Did you mean checkout?"
    assert sre(face, "metrics 7d 9d").startswith("I know no service 9d. Say a time, as 7d, 30d or since 2026-11-01")


def test_what_the_figures_mean_is_one_click_away(face: Face) -> None:
    sre(face, "metrics")
    assert face.slack.click("maria", newest(face), SHOW_DEFINITIONS).acked
    view = face.slack.wait_for(lambda: face.slack.server.workspace.open_views.get(MARIA))[-1]
    shown = "\n".join(as_text(block) for block in face.slack.server.workspace.views[view].blocks)
    assert all(f"{name}\n{what}" in shown for name, what in DEFINITIONS)


def test_the_file_comes_to_whoever_asked_alone_and_once(face: Face) -> None:
    keep(face, row(1), row(2, service="search", acknowledged_by="=HYPERLINK(1)"))
    sre(face, "metrics 7d")
    asked = newest(face)
    for _ in range(2):
        assert face.slack.click("maria", asked, EXPORT).acked
    assert [job for job, *_ in face.jobs("notify")].count("export_metrics") == 1
    work(face, "export_metrics")
    server = face.slack.server
    (where,) = [c for c in server.workspace.channels.values() if c.kind == "im" and MARIA in c.members]
    posted = [message for message in server.workspace.in_channel(where.id) if message.user != MARIA]
    assert posted[0].text == "2 ended incidents, the last 7 days, one a line; the file is in this thread."
    (shared,) = [m for m in posted if m.files]
    assert shared.thread_ts == posted[0].ts
    table = server.workspace.uploads[shared.files[0]["id"]].decode()
    assert table.split("\r\n")[0] == ",".join(COLUMNS)
    assert ",'=HYPERLINK(1)," in table
    assert [m for m in server.messages("C0SRE") if m.files] == []


def test_without_the_scope_the_command_is_told(face: Face) -> None:
    sre(face, "metrics 7d checkout")
    face.slack.click("maria", newest(face), EXPORT)
    scopes = App.from_manifest(MANIFEST).scopes - {"files:write"}
    face.slack.server.app = replace(face.slack.server.app, scopes=scopes)
    work(face, "export_metrics")
    server = face.slack.server
    (where,) = [c for c in server.workspace.channels.values() if c.kind == "im" and MARIA in c.members]
    assert [m.text for m in server.messages(where.id)] == [
        "I may not upload files: the app lacks the optional scope files:write. "
        "In a terminal: sre-bot metrics checkout --since 2026-02-23 --csv."
    ]
    face.slack.server.workspace.breaches.clear()  # the refusal was the point


# Shadow


def test_shadow_says_what_is_missing_by_kind_of_alert(face: Face) -> None:
    free = ShadowFact(["KubePodCrashLooping"], "rollback_deployment", [], "agreed")
    asks = ShadowFact(["HighErrors"], "restart_deployment", ["environment.production"], "unknown")
    keep(face, *(row(n, shadow=(free,)) for n in range(12)), row(20, shadow=(asks,)))
    face.records.outcomes.note(["HighErrors"], "INV-1", True)
    said = sre(face, "shadow")
    assert said.startswith("Shadow mode, the last 90 days\n13 proposals by kind of alert; 12 of them I would have done")
    assert (
        "KubePodCrashLooping · 12 proposals, 12 I would have done\nPeople did the same 12 of 12 times (100 %)" in said
    )
    assert "The record is there; what is missing is its name in autonomy.alert_types." in said
    assert "HighErrors · 1 proposal, 0 I would have done\nNothing tells yet what people did" in said
    assert "Diagnoses judged right: 1 of 1" in said
    assert "Too little to judge: 0 of 10 comparisons." in said
    assert "1 of 1 would wait for a person all the same: This is production, so a person approves." in said


def test_shadow_of_nothing(face: Face) -> None:
    assert sre(face, "shadow").startswith("Shadow mode kept no proposal back in the last 90 days.")
    face.records.switches.set("mode", "assist")
    assert "The mode is assist, so people decide on proposals as they come; /sre metrics has" in sre(face, "shadow")


# Toil


def test_toil_is_noted_and_taken_back_by_its_author_within_minutes(face: Face) -> None:
    said = sre(face, "toil 1h30 restarted the importer &lt;!channel&gt; of checkout")
    assert said.startswith("Noted 1 h 30 min · restarted the importer ‹!channel> of checkout")
    (entry,) = face.records.toil.between(NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert (entry.user, entry.minutes, entry.service, entry.incident) == (MARIA, 90, "checkout", None)
    assert face.slack.click("maria", newest(face), UNDO_TOIL).acked
    assert told(face, begins="Taken back: restarted the importer")
    assert face.records.toil.find(entry.id) is None
    face.slack.click("maria", newest_button(face, "maria"), UNDO_TOIL)
    assert told(face, begins="That is not in the list any more.")


def newest_button(face: Face, user: str) -> str:
    return str([m for m in face.slack.server.ephemerals(user) if "actions" in str(m.blocks)][-1].ts)


def test_toil_is_taken_back_by_nobody_else_and_not_for_long(face: Face) -> None:
    from bot.toiling import on_undo

    sre(face, "toil 30m restarted the importer")
    (entry,) = face.records.toil.between(NOON - timedelta(days=1), NOON + timedelta(days=1))
    press = {"actions": [{"value": entry.id}], "user": {"id": LI}}
    assert on_undo(press, face.records).text == "Somebody else logged that, so it stays."
    later = replace(face.records, now=lambda: NOON + timedelta(minutes=11))
    assert on_undo({**press, "user": {"id": MARIA}}, later).text.startswith("That was more than 10 min ago")
    assert face.records.toil.find(entry.id) == entry


def test_toil_alone_shows_mine_and_everybodys_three(face: Face) -> None:
    assert sre(face, "toil").startswith("You have logged no toil this week")
    for user, words in (("maria", "30m restarted the importer"), ("li", "20m restarted importer"),
                        ("li", "2h renewed certificates"), ("li", "5m x"), ("li", "6m y")):  # fmt: skip
        sre(face, f"toil {words}", user)
    said = sre(face, "toil")
    assert said.startswith("Your toil this week: 30 min\n• 30 min restarted the importer")
    assert "Everybody's, the most time first\n• 2 h: renewed certificates\n• 50 min, 2 times by 2 people: rest" in said
    assert sre(face, "toil soon").startswith("Say how long and what, as in /sre toil 30m restarted the importer")


def test_toil_is_logged_from_a_thread_with_its_incident(face: Face) -> None:
    ts = opened(face)
    face.slack.say("maria", "#sre", "restarted it by hand", thread_ts=ts)
    said = face.slack.server.messages("C0SRE")[-1].ts
    assert face.slack.shortcut("maria", LOG_TOIL, said).acked
    view = face.slack.wait_for(lambda: face.slack.server.workspace.open_views.get(MARIA))[-1]
    shown = face.slack.server.workspace.views[view]
    assert as_text(shown.blocks[0]) == "Work by hand for INC-1, checkout answers 5xx"
    refused = face.slack.submit_view("maria", {"minutes": "soon", "what": "restarted it"})
    assert "I cannot read that as a time" in str((refused.body or {})["errors"]["minutes"])
    refused = face.slack.submit_view("maria", {"minutes": "30m", "what": " "})
    assert (refused.body or {})["errors"] == {"what": "Say what you did, in a few words."}
    assert face.slack.submit_view("maria", {"minutes": "30m", "what": "restarted it"}).acked
    assert told(face, begins="Noted 30 min for INC-1 · restarted it")
    (entry,) = face.records.toil.between(NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert (entry.incident, entry.service, entry.alert_types, entry.user) == ("INC-1", "checkout", ("Errors",), MARIA)


def test_toil_outside_of_an_incident_is_for_none(face: Face) -> None:
    face.slack.say("maria", "#sre", "deleted old logs")
    said = face.slack.server.messages("C0SRE")[-1].ts
    assert face.slack.shortcut("maria", LOG_TOIL, said).acked
    face.slack.wait_for(lambda: face.slack.server.workspace.open_views.get(MARIA))
    assert face.slack.submit_view("maria", {"minutes": "15", "what": "deleted old logs"}).acked
    (entry,) = face.records.toil.between(NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert (entry.incident, entry.minutes) == (None, 15)


def test_the_week_is_summed_up_on_monday_once_a_channel(records: Records) -> None:
    digests = {"C0SRE": DigestTime(at="09:00"), "C0SHOP": DigestTime(at="18:00", timezone="America/New_York")}
    config = CONFIG.model_copy(update={"channels": Channels(digests=digests)})
    held = replace(records, settings=records.settings.model_copy(update={"config": config}))  # noon on a Monday, UTC
    before = NOON - timedelta(days=3)
    for number, (minutes, what, types) in enumerate((
        (30, "restarted the importer", ("ImporterDown",)), (20, "restarted the importer", ()), (90, "wrote mails", ()),
    )):  # fmt: skip
        entry = ToilEntry(id=f"T{number}", user=LI, minutes=minutes, what=what, at=before, alert_types=types)
        held.toil.note(entry)
    granted = ApprovalFact("granted", 9.0, "restart_deployment", "shop/Deployment/importer")
    for number in range(3):
        held.facts.put(row(number, approvals=(granted,)))
    for _ in range(2):
        toil.sum_up(held)
    posted = [as_key(raw) for raw in held.redis.keys("sre:message:toil/*")]
    assert posted == ["toil/2026-W10/C0SRE"]
    view = held.outbox.get(posted[0]).view
    assert "\n".join(as_text(block) for block in view.blocks) == (
        "Toil, the week of 23 Feb: 2 h 20 min by 1 person\n"
        "• 1 h 30 min: wrote mails\n• 50 min, 2 times: restarted the importer\n"
        "What I could take over\n"
        "• restarted the importer is a restart: I propose it when ImporterDown fires; /sre shadow says what is missing "
        "before I may do it alone.\n"
        "Clicked again and again\n• a restart of shop/Deployment/importer: approved 3 times in four weeks"
    )
    late = replace(held, now=lambda: NOON + timedelta(hours=12))
    toil.sum_up(late)
    assert sorted(map(as_key, held.redis.keys("sre:message:toil/*"))) == [
        "toil/2026-W10/C0SHOP", "toil/2026-W10/C0SRE",
    ]  # fmt: skip


def as_key(raw: Any) -> str:
    return bytes(raw).decode().removeprefix("sre:message:")


@pytest.mark.parametrize(
    ("hours", "is_due"), [(-3.1, False), (-2.9, True), (0, True), (32, True), (33.1, False), (24 * 5, False)]
)
def test_a_summary_is_due_from_its_time_until_it_is_stale(hours: float, is_due: bool) -> None:
    found = toil.due(DigestTime(at="09:00"), NOON + timedelta(hours=hours))
    assert (found is not None) == is_due


def test_daylight_saving_moves_the_hour_with_the_clock() -> None:
    berlin = DigestTime(at="09:00", timezone="Europe/Berlin")
    winter = NOON.replace(month=3, day=23, hour=8, minute=0)  # a Monday
    summer = NOON.replace(month=3, day=30, hour=7, minute=0)
    for at in (winter, summer):
        assert toil.due(berlin, at) is not None
        assert toil.due(berlin, at - timedelta(minutes=1)) is None


def test_a_week_without_toil_says_nothing(records: Records) -> None:
    held = replace(records, settings=records.settings.model_copy(update={"channel": "C0SRE"}))
    toil.sum_up(held)
    assert held.redis.keys("sre:message:toil/*") == []


# Prometheus


def test_counters_are_the_same_after_a_restart_and_in_every_process(start: Starter) -> None:
    one, other = start("none"), start("none")
    one.records.ledger.append("approval.asked", actor="bot", at=NOON, incident="INC-1")
    incident = Incident(
        id="INC-1", title="x", source="alertmanager", severity="SEV2", state="resolved", opened_at=NOON,
        resolved_at=NOON + timedelta(minutes=7), command=Command(fix=Fix(what="restarted", by=LI, at=NOON)),
    )  # fmt: skip
    count_incident(one.records.incidents.save(incident), one.records)
    for face in (one, other, one):
        assert face.metric('sre_approvals_total{outcome="asked"}') == 1
        assert face.metric('sre_approvals_total{outcome="expired"}') == 0
        assert face.metric('sre_time_to_repair_seconds_bucket{le="600.0",severity="SEV2"}') == 1
        assert face.metric('sre_time_to_repair_seconds_sum{severity="SEV2"}') == 420
        assert face.metric('sre_incidents_ended_total{ended_by="people"') == 1
        assert face.metric("sre_ledger_entries_total") == 1


def test_the_state_is_there(start: Starter) -> None:
    face = start("none")
    face.records.switches.mark_unreachable("Slack", NOON)
    face.records.switches.set("mode", "assist")
    face.records.queues.enqueue("notify", "workers.jobs.probe")
    assert face.metric('sre_dependency_unreachable{dependency="Slack"}') == 1
    assert face.metric('sre_dependency_unreachable{dependency="PagerDuty"}') == 0
    assert face.metric('sre_mode{mode="assist"}') == 1
    assert face.metric("sre_mode") == 1
    assert face.metric("sre_paused") == 0
    assert face.metric('sre_queue_waiting{queue="notify"}') == 1
    assert face.metric('sre_workers{queue="notify"}') == 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's prometheus has promtool")
def test_prometheus_finds_nothing_to_mend(start: Starter) -> None:
    face = start("http")
    keep(face, row(1, acknowledged=row(1).opened + 5, pages=(PageFact(MARIA, 1),)))
    sre(face, "metrics")
    text = face.get("/metrics").text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_terminal_says_the_same(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from bot.commands.metrics import metrics
    from core.model import utc_now

    at = (utc_now() - timedelta(hours=5)).timestamp()
    keep(face, row(1, opened=at, ended=at + 60, repaired=at + 60), row(2, opened=at, service="search"))
    monkeypatch.setenv("SRE_DATA_DIR", str(face.records.settings.data_dir))
    runner = CliRunner()
    assert runner.invoke(metrics, []).output.startswith("Metrics, the last 30 days")
    figures = json.loads(runner.invoke(metrics, ["--json", "--since", "7d"]).output)
    assert (figures["now"]["incidents"], figures["now"]["repair"]["all"]["count"]) == (2, 2)
    assert len(runner.invoke(metrics, ["--csv"]).output.splitlines()) == 3
    refused = runner.invoke(metrics, ["nowhere"])
    assert (refused.exit_code, "I know no service nowhere" in refused.output) == (2, True)
