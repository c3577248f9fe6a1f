"""What a person reads: the first lines give the point."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from blocks.card import OPEN_THREAD, card_view
from blocks.diagnosis import FEEDBACK_RIGHT, FEEDBACK_WRONG, diagnosis_view
from blocks.evidence import PAGE, SHOW_EVIDENCE, evidence_modal, observation_view
from blocks.parts import ago, as_text
from blocks.progress import progress_view
from blocks.proposal import in_words
from blocks.replies import COMMANDS, GROUPS, help_view
from blocks.status import replay_view, status_view
from core.diagnosis import Action
from core.incident import Alert, Incident
from core.ledger import GENESIS, Entry
from core.observation import Observation, Workload
from core.outbox import Task, View
from core.rolled import Rolled
from core.status import Status
from tests.unit.blocks.worlds import NOON, crash_loop

INCIDENT = Incident(
    id="INC-42",
    title="checkout answers 7.4 % of requests with 5xx",
    severity="SEV2",
    state="waiting",
    source="alertmanager",
    cluster="prod-eu",
    namespace="shop",
    opened_at=NOON,
    channel="C1",
    headline="Release 1.8.4 cannot start: CART_URL has no valid port.",
    alerts=tuple(
        Alert(fingerprint=f"f{n}", name="Errors", status="firing", starts_at=NOON - timedelta(minutes=5))
        for n in range(3)
    ),
)


def lines(view: View) -> list[str]:
    return [line for block in view.blocks for line in as_text(block).split("\n")]


def actions(view: View | dict[str, Any]) -> list[dict[str, Any]]:
    blocks = view.blocks if isinstance(view, View) else view["blocks"]
    return [element for block in blocks if block["type"] == "actions" for element in block["elements"]]


def test_card_tells_a_latecomer_where_things_stand() -> None:
    view = card_view(INCIDENT, NOON, "https://x.slack.test/archives/C1/p1")
    assert lines(view)[:3] == [
        "🔴 INC-42 · checkout answers 7.4 % of requests with 5xx · SEV2 · waiting for a person",
        "prod-eu / shop · since 11:55 UTC (5 min) · 3 alerts",
        "Release 1.8.4 cannot start: CART_URL has no valid port.",
    ]
    link, take, menu = actions(view)
    assert (link["action_id"], link["url"]) == (OPEN_THREAD, "https://x.slack.test/archives/C1/p1")
    assert (take["action_id"], take["text"]["text"]) == ("order:take", "Take command")
    assert [option["value"] for option in menu["options"]] == [
        f"{choice}:INC-42" for choice in ("catch_up", "alerts", "merge", "again", "more")
    ]
    assert view.text == (
        "INC-42, SEV2: checkout answers 7.4 % of requests with 5xx: waiting for a person, since 11:55 UTC. "
        "Release 1.8.4 cannot start: CART_URL has no valid port."
    )


def test_card_of_a_resolved_incident_is_green_and_says_how_long_it_took() -> None:
    ended = INCIDENT.model_copy(update={"state": "resolved", "resolved_at": NOON + timedelta(minutes=6, seconds=40)})
    view = card_view(ended, NOON + timedelta(hours=3))
    assert lines(view)[0].startswith("🟢 INC-42")
    assert lines(view)[1] == "prod-eu / shop · since 11:55 UTC (11 min) · 3 alerts"
    assert actions(view) == []


def test_what_began_on_another_day_says_which() -> None:
    old = INCIDENT.model_copy(update={"opened_at": NOON - timedelta(days=3), "alerts": ()})
    assert lines(card_view(old, NOON))[1] == "prod-eu / shop · since 27 Feb 2026 12:00 UTC (3 days)"


def test_observation_puts_the_rollout_before_the_crash_it_caused_and_marks_each() -> None:
    seen = crash_loop().observation
    assert seen
    view = observation_view(seen, 2100)
    assert lines(view)[:3] == [
        "What I see (2.1 s)",
        "• 11:59 UTC rollout of Deployment/checkout, revision 17 → 18: "
        "image shop/checkout:1.8.3 → shop/checkout:1.8.4, env CART_URL added e1",
        "• Deployment/checkout (checkout-7d-x) CrashLoopBackOff since 12:00 UTC: 2 of 4 pods exit 1 e2",
    ]
    assert lines(view)[-1] == "Could not read: traces (no TEMPO_URL)"


def test_the_same_trouble_of_many_pods_is_one_fact() -> None:
    seen = crash_loop().observation
    assert seen
    pods = [seen.findings[0].model_copy(update={"name": f"p{n}", "evidence": (f"e{n}",)}) for n in range(2, 9)]
    view = observation_view(seen.model_copy(update={"findings": tuple(pods)}))
    assert lines(view)[2] == (
        "• 7 pods of Deployment/checkout CrashLoopBackOff since 12:00 UTC: 2 of 4 pods exit 1 e2 e3 e4 e5 and 3 more"
    )


def test_a_healthy_observation_says_what_is_ready() -> None:
    well = Workload(namespace="shop", owner="Deployment/checkout", desired=4, ready=4, restarts=0, evidence=("e1",))
    view = observation_view(Observation(workloads=(well,)))
    assert lines(view) == ["What I see", "• Deployment/checkout: 4 of 4 pods ready e1"]


def test_diagnosis_gives_cause_and_confidence_first_and_how_we_know_next() -> None:
    view = diagnosis_view(crash_loop())
    said = lines(view)
    assert said[0] == (
        "Cause: release 1.8.4 of checkout cannot start, because CART_URL has an invalid port · confidence 0.93"
    )
    assert said[1:3] == ["• The crash names the variable CART_URL e2", "• The 12:11 rollout added it e1"]
    assert "Ruled out: payments, healthy all night e4" in said
    assert "Seen before: INC-31 checkout down on 12 Oct 2025, 0.81 alike: rolled back, held" in said
    assert "Runbooks alike: Bad rollout 0.78" in said
    assert "Why 0.93: Three of three claims cite evidence." in said
    assert [b["action_id"] for b in actions(view)] == [SHOW_EVIDENCE, FEEDBACK_RIGHT, FEEDBACK_WRONG]
    assert {b["value"] for b in actions(view)} == {"INV-3"}


@pytest.mark.parametrize(
    ("status", "with_cause", "first"),
    [
        ("escalated", True, "Not sure, best guess: release 1.8.4"),
        ("escalated", False, "I do not know the cause."),
        ("diagnosed", False, "⚪ checkout looks healthy"),
    ],
)
def test_diagnosis_says_so_when_unsure_unknown_or_healthy(status: str, with_cause: bool, first: str) -> None:
    investigation = crash_loop()
    assert investigation.diagnosis
    change = {"status": status, "look_next": ("the CNI's logs",)} | ({} if with_cause else {"root_cause": None})
    diagnosis = investigation.diagnosis.model_copy(update=change)
    view = diagnosis_view(investigation.model_copy(update={"diagnosis": diagnosis}))
    assert lines(view)[0].startswith(first)
    assert ("• the CNI's logs" in lines(view)) == (status == "escalated")


def test_an_investigation_without_a_diagnosis_has_no_view() -> None:
    with pytest.raises(ValueError, match="INV-3 has no diagnosis yet"):
        diagnosis_view(crash_loop().model_copy(update={"diagnosis": None}))


@pytest.mark.parametrize(
    ("kind", "params", "said"),
    [
        ("rollback_deployment", {}, "roll x back to the revision before"),
        ("scale_deployment", {"replicas": 3}, "scale x to 3 replicas"),
        ("set_resources", {"container": "app", "memory_limit": "1Gi"}, "give app of x a memory limit of 1Gi"),
        (
            "silence_alert",
            {"matchers": [{"name": "alertname", "value": "Slow"}], "duration_minutes": 60},
            "silence alertname=Slow for 60 minutes",
        ),
        ("restart_pod", {}, "restart the pod x"),
    ],
)
def test_actions_are_said_in_words(kind: Any, params: dict[str, Any], said: str) -> None:
    assert in_words(Action(kind=kind, namespace="shop", name="x", params=params)) == said


def test_evidence_comes_in_pages_and_each_read_can_be_repeated() -> None:
    investigation = crash_loop()
    first = evidence_modal(investigation)
    assert as_text(first["blocks"][0]) == "e1 kubernetes, read at 12:00 UTC · open\nGET /api/v1/pods/1"
    assert as_text(first["blocks"][1]) == "panic: <nil> & more"
    assert actions(first) == []
    many = investigation.model_copy(update={"evidence": investigation.evidence * 10})
    assert [b["value"] for b in actions(evidence_modal(many))] == ["INV-3:1"]
    assert [b["value"] for b in actions(evidence_modal(many, 1))] == ["INV-3:0", "INV-3:2"]
    assert len(evidence_modal(many, 99)["blocks"]) == 2 * (30 - 2 * PAGE) + 2


def test_progress_says_what_it_is_doing() -> None:
    tasks = [Task(id="a", title="Look", status="complete"), Task(id="b", title="Find the cause", status="in_progress")]
    assert progress_view(tasks).text == "Looking into it: Find the cause."
    assert progress_view(tasks, timedelta(seconds=2.1)).text == "Looked into it in 2.1 s."


def test_status_leads_with_what_is_open() -> None:
    old = INCIDENT.model_copy(
        update={"id": "INC-40", "state": "resolved", "title": "batch is late", "resolved_at": NOON}
    )
    status = Status(
        incidents=(INCIDENT, old), alerts_firing=3, mode="assist", paused=False, unreachable={"PagerDuty": NOON}
    )
    assert lines(status_view(status, NOON, links={"INC-42": "https://x.test/p1"})) == [
        "1 open · 3 alerts firing",
        "• INC-42 checkout answers 7.4 % of requests with 5xx · SEV2 · waiting for a person (5 min)",
        "Resolved, last day INC-40 batch is late",
        "Mode assist · cannot reach PagerDuty since 12:00 UTC",
    ]


def test_status_tells_what_fires_what_was_rolled_out_and_what_is_left_of_the_budget() -> None:
    def rolled(name: str, version: str, minutes: int, how: Any = "") -> Rolled:
        return Rolled(name=name, version=version, at=NOON - timedelta(minutes=minutes), how=how)

    status = Status(
        incidents=(INCIDENT,), alerts_firing=6, mode="assist", paused=False, unreachable={},
        firing={"checkout": 3, "batch": 2, "": 1}, own_actions={"INC-42": 0},
        deploys=(rolled("checkout", "1.8.3", 1, "back"), rolled("checkout", "1.8.4", 9, "broke"),
                 rolled("search", "9.2.1", 80), rolled("batch", "", 90, "restarted")),
    )  # fmt: skip
    assert lines(status_view(status, NOON, most_alone=3))[2:] == [
        "Firing on 2 services checkout 3, batch 2, naming no service 1",
        "Deploys, last 6 h checkout back to 1.8.3 (11:59 UTC), checkout 1.8.4 (11:51 UTC, broke), "
        "search 9.2.1 (10:40 UTC), batch restarted (10:30 UTC)",
        "Mode assist · 0 of 3 actions used on INC-42",
    ]


def test_status_of_a_quiet_service_says_so() -> None:
    status = Status(incidents=(), alerts_firing=0, mode="shadow", paused=False, unreachable={})
    assert lines(status_view(status, NOON, "checkout"))[0] == "Nothing is open for checkout · 0 alerts firing"


def test_replay_tells_decisions_in_order() -> None:
    def entry(seq: int, event: str, actor: str = "bot", **data: object) -> Entry:
        return Entry(seq=seq, at=NOON, event=event, actor=actor, incident="INC-42", data=data, prev=GENESIS, hash="")

    action = {"kind": "restart_pod", "namespace": "shop", "name": "x", "params": {}}
    view = replay_view(
        INCIDENT,
        [
            entry(1, "incident.opened", "U0MARIA", severity="SEV2"),
            entry(2, "loop.reason", status="diagnosed", confidence=0.931, usage={}),
            entry(3, "proposal.decided", action=action, verdict="ask", codes=["environment.production"]),
        ],
        NOON,
    )
    assert lines(view)[2:] == [
        "• 12:00 UTC opened by U0MARIA: severity SEV2",
        "• 12:00 UTC concluded: status diagnosed, confidence 0.93",
        "• 12:00 UTC proposed and checked against policy: restart the pod x, verdict ask, codes environment.production",
    ]


def test_help_lists_every_command_once_under_its_group() -> None:
    said = lines(help_view())
    shown = [line for line in said if line.startswith("• /sre ")]
    assert sorted(line.split()[2] for line in shown) == sorted(row.name for row in COMMANDS)
    assert [line for line in said if line in GROUPS] == [
        name for name in GROUPS if any(r.group == name for r in COMMANDS)
    ]


def test_a_command_in_the_help_is_at_most_three_lines_of_a_phone() -> None:
    """A phone in Slack shows some 40 characters a line."""
    assert [row.name for row in COMMANDS if len(f"/sre {row.name} {row.arguments} {row.does}") > 110] == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(12, "12 s"), (300, "5 min"), (3600, "1 h"), (7800, "2 h 10 min"), (86400 * 3, "3 days"), (-5, "0 s")],
)
def test_spans_are_said_in_the_unit_that_tells_enough(seconds: int, said: str) -> None:
    assert ago(timedelta(seconds=seconds)) == said
