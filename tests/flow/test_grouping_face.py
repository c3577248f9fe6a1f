"""Splitting off and merging by the card's menu: every click is answered, and no rule of Slack's is broken."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from blocks.card import card_view
from blocks.grouping import MERGE_CHOICE, MORE, SPLIT, alerts_modal, joined_view
from blocks.parts import as_text
from blocks.status import replay_view
from core.incident import Alert, Joined
from core.intake import receive_group, turn
from core.merging import merge_locked
from tests.conftest import NOON
from tests.flow.conftest import Face
from tests.unit.core.test_intake import alert, group


def fires(face: Face, name: str, after_s: float = 0, **labels: str) -> str:
    at = NOON + timedelta(seconds=after_s)
    sent = alert(name, **labels) | {"startsAt": at.isoformat()}
    found = receive_group(replace(face.records, now=lambda: at), group(sent, groupKey=f"{name} {labels}"))
    assert found
    return found.id


def card(face: Face, incident_id: str) -> str:
    """The ts of the posted card."""
    view = card_view(face.records.incidents.get(incident_id), NOON, "https://x.slack.test/archives/C0SRE/p1")
    token = face.slack.server.bot_token
    assert token
    import requests

    said = {"channel": "C0SRE", "text": view.text, "blocks": list(view.blocks)}
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{face.slack.server.url}chat.postMessage", json=said, headers=headers, timeout=5).json()
    assert answer["ok"], answer
    return str(answer["ts"])


def opened(face: Face, before: int = 0) -> Any:
    workspace = face.slack.server.workspace
    face.slack.wait_for(lambda: len(workspace.views) > before)
    return list(workspace.views.values())[-1]


def shows(view: Any) -> str:
    return json.dumps(view.content, ensure_ascii=False)


def test_a_set_of_alerts_is_split_off_in_the_modal(face: Face) -> None:
    fires(face, "Slow", deployment="checkout")
    fires(face, "Down", 5, deployment="checkout")
    assert face.slack.click("maria", card(face, "INC-1"), MORE, "alerts:INC-1").acked
    view = opened(face)
    assert "2 alerts in 2 groups, 2 firing." in shows(view)
    assert "Joined: also about checkout, 5 s apart" in shows(view)
    last = face.records.book.groups("INC-1")[-1]
    assert face.slack.click("maria", view.id, SPLIT, f"INC-1:{last.id}").acked
    face.slack.wait_for(lambda: "Split off: it is INC-2 now" in shows(view))
    assert [i.how_many_fire for i in face.records.incidents.open()] == [1, 1]
    assert face.slack.server.breaches == []


def test_two_incidents_are_merged_by_choosing_one(face: Face) -> None:
    fires(face, "Slow", deployment="checkout")
    fires(face, "Slow", 5, deployment="mail")
    assert face.slack.click("maria", card(face, "INC-2"), MORE, "merge:INC-2").acked
    view = opened(face)
    assert face.slack.submit_view("maria", {MERGE_CHOICE: "INC-1"}).acked
    face.slack.wait_for(lambda: "INC-2 is part of INC-1 now; both cards say so." in shows(view))
    assert [i.id for i in face.records.incidents.open()] == ["INC-1"]
    (entry,) = [e for e in face.records.ledger.of_incident("INC-2") if e.event == "incident.merged"]
    assert entry.actor.startswith("U")
    assert face.slack.server.breaches == []


@pytest.mark.parametrize("choice", ["alerts", "merge"])
def test_a_click_on_what_was_merged_meanwhile_says_where_it_went(face: Face, choice: str) -> None:
    fires(face, "Slow", deployment="checkout")
    fires(face, "Slow", 5, deployment="mail")
    ts = card(face, "INC-2")
    with turn(face.records):
        merge_locked("INC-2", "INC-1", "U1", "merged", face.records)
    outcome = face.slack.click("maria", ts, MORE, f"{choice}:INC-2")
    assert outcome.acked
    (told,) = face.slack.wait_for(lambda: face.slack.server.ephemerals("maria"))
    assert told.text == "INC-2 was merged into INC-1; look there."


def test_explain_lists_the_alerts_of_an_incident_and_why_they_joined(face: Face) -> None:
    fires(face, "Slow", deployment="checkout")
    fires(face, "Slow", deployment="checkout")
    fires(face, "Down", 5, deployment="checkout")
    outcome = face.slack.command("maria", "C0SRE", "/sre", "explain INC-1")
    said = as_text((outcome.body or {})["blocks"])
    assert "2 alerts, 2 firing" in said
    assert "Slow of shop/checkout, firing, sent 2 times · 12:00 UTC" in said
    assert "joined: also about checkout, 5 s apart" in said


def test_what_joined_is_one_message_however_much_it_is() -> None:
    groups = [Joined(id=str(n), key=str(n), title=f"Down of app{n}", at=NOON, rule="same_node" if n else "",
                     why=f"app{n} runs on the same node, node-3" if n else "") for n in range(500)]  # fmt: skip
    from tests.unit.blocks.test_views import INCIDENT

    view = joined_view(INCIDENT, groups, NOON)
    said = as_text([*view.blocks])
    assert "Joined: 499 groups" in said
    assert "The same node · 499: app1 runs on the same node, node-3;" in said
    assert len(view.blocks) == 3
    modal = alerts_modal(INCIDENT, groups, {str(n): 1 for n in range(500)})
    assert len(modal["blocks"]) <= 100


def test_explain_tells_many_alerts_by_kind_and_what_they_are_about() -> None:
    from tests.unit.blocks.test_views import INCIDENT

    why = "at least 5 workloads began to fail within 60 s"
    whys = {str(n): f"{why} (was INC-{n})" for n in range(40)}
    groups = [Joined(id=n, key=n, title="x", at=NOON, rule="storm", why=said) for n, said in whys.items()]
    alerts = [Alert(fingerprint=f"{n:02}", name="KubePodNotReady", status="firing", starts_at=NOON, group=str(n),
                    labels={"namespace": f"team-{n:02}", "deployment": "web"}) for n in range(40)]  # fmt: skip
    said = as_text([*replay_view(INCIDENT, (), NOON, alerts, groups).blocks])
    assert (
        f"KubePodNotReady of team-00/web, team-01/web, team-02/web and 37 more × 40, 40 firing · joined: {why}" in said
    )
    joined = as_text([*joined_view(INCIDENT, groups, NOON).blocks])
    assert (f"Too much at once for chance · 40: {why}" in joined, joined.count(why)) == (True, 1)
