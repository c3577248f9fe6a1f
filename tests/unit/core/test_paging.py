"""Webhooks as they are read: nothing foreign breaks it, and no order of arrival changes what comes out."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Malformed
from core.page import Page
from core.paging import KNOWN, is_signed, page_after, read_event, secrets_of
from core.records import Records
from core.wishing import own_dedup
from tests.conftest import NOON
from tests.unit.core.test_intake import alert, receive

ANY = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
                   lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
                   max_leaves=8)  # fmt: skip
NAMES = ("id", "type", "status", "title", "service", "assignees", "priority", "urgency", "incident", "number", "agent",
         "incident_key", "content", "user")  # fmt: skip


def whole(kind: str, number: int, status: str, agent: str | None = None) -> dict[str, Any]:
    data = {"id": "Q1", "type": "incident", "status": status, "title": "x", "number": 1, "service": {"id": "P1"}}
    who = {"id": agent, "type": "user_reference", "summary": agent} if agent else None
    at = (NOON + timedelta(seconds=number)).isoformat()
    return {"id": f"E{number}", "event_type": f"incident.{kind}", "occurred_at": at, "agent": who, "data": data}


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), ANY, max_size=8), st.sampled_from(sorted(KNOWN)), ANY)
def test_whatever_is_sent_is_read_or_refused_with_a_sentence(data: dict[str, Any], kind: str, agent: Any) -> None:
    sent = {"id": "E", "event_type": kind, "occurred_at": NOON.isoformat(), "agent": agent, "data": data}
    try:
        read_event(orjson.dumps({"event": sent}), ())
    except Malformed as error:
        assert str(error).endswith(".")


def test_every_order_of_arrival_ends_the_same() -> None:
    sent = [
        whole("triggered", 0, "triggered"), whole("acknowledged", 1, "acknowledged", "PMARIA"),
        whole("reassigned", 2, "triggered", "PMARIA"), whole("acknowledged", 3, "acknowledged", "PLI"),
        whole("resolved", 4, "resolved", "PLI"),
    ]  # fmt: skip
    events = [read_event(orjson.dumps({"event": each}), ()) for each in sent]
    found = set()
    for order in itertools.permutations(events):
        page: Page | None = None
        for event in order:
            page = page_after(page, event)
        assert page
        found.add(page.model_dump_json())
    (only,) = found
    page = Page.model_validate_json(only)
    assert (page.status, page.ended_by_person) == ("resolved", True)
    assert [held.by.id for held in page.acknowledgements] == ["PLI"]


@pytest.mark.parametrize(
    ("header", "right"),
    [("v1=aa,{one}", True), ("{two}", True), (" {one} ,v1=00", True), ("{other}", False), ("", False), (",,", False)],
)
def test_one_right_signature_by_one_of_the_secrets_is_enough(header: str, right: bool) -> None:
    import hashlib
    import hmac

    def sign(secret: str) -> str:
        return "v1=" + hmac.new(secret.encode(), b"body", hashlib.sha256).hexdigest()

    given_ = header.format(one=sign("one"), two=sign("two"), other=sign("other"))
    assert is_signed(b"body", given_, secrets_of("one, two,")) is right
    assert not is_signed(b"body", given_, ())


def test_what_the_bot_opens_there_belongs_to_the_incident_before_it_is_opened(records: Records) -> None:
    incident = receive(records, alert())
    key = own_dedup(incident, records)
    assert own_dedup(incident, records) == key
    assert records.incidents.claimed(f"dedup:{key}") == incident.id
