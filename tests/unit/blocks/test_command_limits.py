"""However an incident is run, whatever people type: Slack takes what is shown; no foreign text acts as markup."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from blocks.card import card_view
from blocks.catching_up import catch_up_view
from blocks.command import (
    LABELS,
    fix_form,
    hand_over_form,
    menu_modal,
    reminder_view,
    room_name,
    severity_form,
    similar_view,
    take_form,
    told,
    told_form,
    update_form,
    update_view,
)
from blocks.paging import Paging
from blocks.parts import text, user
from core.command import Command, Fix, Room, StatusUpdate
from core.diagnosis import IncidentHit
from core.incident import Incident
from core.ledger import GENESIS, Entry
from core.page import Page
from core.remediation import State
from sandbox.slack.views import check_view, is_too_large
from tests.unit.blocks import worlds
from tests.unit.blocks.test_limits import anything, holds, strings
from tests.unit.blocks.worlds import NOON, moments, texts, words

users = st.one_of(st.sampled_from(["U0MARIA", "U0LI", "W0GRID"]), words)
updates = st.builds(
    StatusUpdate, number=st.integers(1, 99), by=users, at=moments, known=texts, impact=texts,
    next_at=st.none() | moments,
)  # fmt: skip
commands = st.builds(
    Command, commander=st.none() | users, since=st.none() | moments, severity_by=st.none() | users,
    responders=worlds.many(users), update=st.none() | updates,
    fix=st.none() | st.builds(Fix, what=texts, by=users, at=moments),
    room=st.none() | st.builds(Room, channel=words.filter(bool), name=words),
)  # fmt: skip
pages = st.builds(
    Page, id=words, number=st.integers(1, 10**6), title=texts, service=words,
    status=st.sampled_from(["triggered", "acknowledged", "resolved"]), as_of=moments,
)  # fmt: skip
led = st.builds(
    lambda incident, command, held: incident.model_copy(update={"command": command, "pages": tuple(held)}),
    worlds.incidents, commands, st.lists(pages, max_size=3),
)  # fmt: skip


def mentioned(incident: Incident) -> list[str]:
    """Those whom our own markup may mention."""
    command = incident.command
    return [who for who in (command.commander, *command.responders, command.update and command.update.by) if who]


@given(led, st.booleans())
@anything
def test_any_card_has_at_most_four_buttons_and_one_menu_of_five(incident: Incident, can_tell: bool) -> None:
    view = card_view(incident, NOON, "https://x.slack.test/archives/C1/p1", Paging(can_tell=can_tell))
    holds(view)
    elements = [e for block in view.blocks if block["type"] == "actions" for e in block["elements"]]
    assert sum(e["type"] == "button" for e in elements) <= 4
    menus = [e for e in elements if e["type"] == "overflow"]
    assert len(menus) == (0 if incident.merged_into else 1)
    assert all(len(menu["options"]) <= 5 for menu in menus)
    assert all(menu["options"][-1]["value"].startswith("more:") for menu in menus)


@given(led, users, texts, st.lists(st.tuples(words, texts), max_size=20), st.integers(5, 1440))
@anything
def test_any_form_is_within_limits_of_a_view(
    incident: Incident, asker: str, said: str, actions: list[tuple[str, str]], minutes: int
) -> None:
    metadata = {
        "incident": incident.id, "place": [asker[:20], "C0SRE", "1.1", "https://hooks.slack.test/" + "x" * 200],
        "about": {"channel": "C0SRE", "ts": "1.1", "said": said[:300]}, "over": asker[:20],
    }  # fmt: skip
    some = {f"ACT-{n}": label for n, (_, label) in enumerate(actions)}
    others = [(f"other{n}", label) for n, label in enumerate(LABELS.values())]
    forms = [
        menu_modal(incident, asker, others, metadata, said[:300]),
        severity_form(incident, metadata),
        take_form(incident, metadata, NOON),
        hand_over_form(incident, metadata),
        update_form(incident, metadata, minutes),
        fix_form(incident, metadata, list(some.items()), said, ends=True),
        fix_form(incident, metadata, list(some.items()), "", ends=False),
        told_form(incident.id, told(text(said), user(asker)).blocks),
    ]
    for modal in forms:
        assert check_view(modal) == [], modal["callback_id"]
        assert not is_too_large(modal)
        assert len(modal["private_metadata"]) <= 3000
        json.loads(modal["private_metadata"])
        for key, shown in strings({k: v for k, v in modal.items() if k != "private_metadata"}):
            assert not re.search(r"<[!@#]", shown), (key, shown)


@given(led, updates, users, texts)
@anything
def test_whatever_is_said_in_the_thread_is_within_limits(
    incident: Incident, update: StatusUpdate, who: str, said: str
) -> None:
    holds(update_view(incident, update, text(f"@{said}"), NOON))
    due = update.model_copy(update={"next_at": NOON})
    holds(reminder_view(incident, due, who, NOON), [who])
    holds(told(user(who), text(said, 250), text(" and so on")), [who])


@given(led, st.lists(st.builds(
    IncidentHit, id=words, title=texts, score=st.floats(0, 1), outcome=texts, at=st.none() | moments), max_size=9,
))  # fmt: skip
@anything
def test_similar_ones_are_within_limits(incident: Incident, hits: list[IncidentHit]) -> None:
    holds(similar_view(incident, hits, NOON))


facts = st.dictionaries(st.sampled_from(["known", "what", "said", "why", "link", "before", "after"]), texts | st.none())
entries = st.builds(
    Entry, seq=st.just(1), at=moments, actor=users, data=facts, prev=st.just(GENESIS), hash=st.just(""),
    event=st.sampled_from(["severity.set", "status.updated", "incident.noted", "incident.fixed", "loop.plan"]),
)  # fmt: skip


@given(
    led, st.none() | worlds.investigations, st.lists(worlds.remediations, max_size=6), st.lists(entries, max_size=30)
)
@anything
def test_catching_up_is_five_lines_and_then_what_happened(
    incident: Incident, last: Any, done: list[Any], happened: list[Entry]
) -> None:
    view = catch_up_view(incident, last, done, happened, NOON)
    holds(view)
    (section,) = view.blocks[0]["elements"]
    assert sum(part.get("text") == "\n" for part in section["elements"]) == 4


@given(led)
@anything
def test_a_channels_name_is_one_that_slack_takes(incident: Incident) -> None:
    assert re.fullmatch(r"inc-\d+(-[a-z0-9]+)*", room_name(incident))
    assert len(room_name(incident)) <= 75


def test_every_state_of_an_action_is_told_or_still_open() -> None:
    from blocks.catching_up import _DONE

    untold = set(get_args(State)) - set(_DONE)
    assert untold == {"proposed", "denied", "asked", "expired", "superseded"}
