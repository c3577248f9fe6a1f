"""Who is in which user group, as a pretend Slack says it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from core.errors import Refused, Transient
from core.settings import Settings
from sandbox.slack import App, SlackServer, SlackThread, run_in_thread
from sandbox.slack.app import EVERY_SCOPE
from sandbox.slack.state import JONAS, MARIA, ON_CALL, SHOP_OWNERS
from workers.adapters.slack import SlackAdapter


@pytest.fixture
def slack() -> Iterator[SlackThread]:
    with run_in_thread() as running:
        yield running


def adapter(slack: SlackThread, settings: Settings) -> SlackAdapter:
    token = SecretStr(slack.server.bot_token)
    return SlackAdapter(settings.model_copy(update={"slack_bot_token": token, "slack_api_url": slack.server.url}))


def test_the_groups_of_a_person_among_those_asked_for(slack: SlackThread, settings: Settings) -> None:
    groups_of = adapter(slack, settings).groups_of
    assert groups_of(MARIA, (ON_CALL, SHOP_OWNERS, ON_CALL)) == (ON_CALL,)
    assert groups_of(JONAS, (ON_CALL, SHOP_OWNERS)) == (SHOP_OWNERS,)
    assert groups_of(MARIA, ()) == ()


def test_nobody_is_in_a_group_that_is_gone(slack: SlackThread, settings: Settings) -> None:
    assert adapter(slack, settings).groups_of(MARIA, ("S0GONE", ON_CALL)) == (ON_CALL,)


def test_what_slack_does_not_say_is_an_error_and_never_a_no(slack: SlackThread, settings: Settings) -> None:
    slack.server.fail_next("usergroups.users.list", "internal_error")
    with pytest.raises(Transient):
        adapter(slack, settings).groups_of(MARIA, (ON_CALL,))
    slack.server.fail_next("usergroups.users.list", "ratelimited", retry_after_s=7)
    with pytest.raises(Transient) as later:
        adapter(slack, settings).groups_of(MARIA, (ON_CALL,))
    assert later.value.retry_after_s == 7


def test_without_the_scope_it_is_refused(settings: Settings) -> None:
    server = SlackServer(app=App(scopes=EVERY_SCOPE - {"usergroups:read"}))
    with run_in_thread(server) as slack, pytest.raises(Refused) as refused:
        adapter(slack, settings).groups_of(MARIA, (ON_CALL,))
    assert refused.value.code == "missing_scope"
