"""The Home tab: shown when it is opened, and after everything that its reader does on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blocks.digest_form import DIGEST_MODAL, zones_like
from blocks.home import (
    ADD_DIGEST,
    EDIT_DIGEST,
    FOLLOW,
    FOLLOW_SEARCH,
    HOME,
    MOST_OPTIONS,
    PAUSE,
    REMOVE_DIGEST,
    RESUME,
    SET_MODE,
    ZONE,
    home_view,
    option,
)
from blocks.replies import reply
from bot.answering import Answering, Body, place_of
from bot.control import mode, mode_of, pause, resume
from bot.digest_settings import on_add, on_edit, on_removed, on_saved
from bot.membership import GroupsOf, is_member, slack_groups
from bot.presence import slack_outside
from core.errors import Conflict
from core.home import bring_up_to_date
from core.homes import Shown
from core.log import get_logger
from core.outbox import View
from core.pause import pause_of
from core.records import Records

if TYPE_CHECKING:
    from slack_bolt import Ack, App
    from slack_sdk import WebClient

log = get_logger(__name__)


def on_opened(body: Body, records: Records) -> str | None:
    """Note that somebody opened theirs; who that is, None when it was another tab of the app."""
    event = body["event"]
    if event.get("tab") != HOME:
        return None
    user, there = str(event["user"]), event.get("view") or {}
    records.homes.note_opened(user, records.now())
    shown = records.homes.shown(user)
    if str(there.get("hash") or "") != shown.hash:  # somebody else's version, or none since the app was installed anew
        records.homes.note_shown(user, Shown(hash=str(there.get("hash") or "")))
    return user


def on_follow(body: Body, records: Records) -> None:
    """Follow what is chosen now, and nothing else."""
    chosen = body["actions"][0].get("selected_options") or ()
    known = records.settings.config.services
    records.homes.follow(body["user"]["id"], [o["value"] for o in chosen if o["value"] in known])


def services_like(typed: str, records: Records) -> list[dict[str, Any]]:
    """Options for what somebody types, those that begin so first."""
    wanted = typed.strip().lower()
    found = [name for name in records.settings.config.services if wanted in name.lower()]
    found.sort(key=lambda name: (not name.lower().startswith(wanted), name))
    return [option(name, name) for name in found[:MOST_OPTIONS]]


def on_mode(body: Body, records: Records, groups_of: GroupsOf) -> View | None:
    """Set the mode; what its author is told when it did not come to be."""
    wanted = body["actions"][0]["action_id"].removeprefix(f"{SET_MODE}:")
    said = mode(wanted, body["user"]["id"], records, groups_of)
    return None if mode_of(records) == wanted else said


def on_pause(body: Body, records: Records, groups_of: GroupsOf) -> View | None:
    """Pause; the refusal when that did not happen."""
    said = pause("", body["user"]["id"], records, groups_of)
    return None if pause_of(records.switches) else said


def on_resume(body: Body, records: Records, groups_of: GroupsOf) -> View | None:
    """Resume; the refusal when that did not happen."""
    if pause_of(records.switches) is None:
        return reply("I was resumed already.")
    said = resume("", body["user"]["id"], records, groups_of)
    return said if pause_of(records.switches) else None


class HomeTab:
    """Shows Home tabs, after Slack was acknowledged.

    Args:
        client: Gives Slack's Web API.
    """

    def __init__(self, records: Records, client: Callable[[], WebClient]) -> None:
        self._records = records
        self._client = client

    def greet(self, user: str) -> None:
        """Show it from the records at once; then ask Slack for this person's groups, and show what that changes."""
        self.show(user)
        among = self._records.settings.config.approvers.groups
        found = {group: is_member(self._client(), group, user) for group in among}
        if None not in found.values():
            self._records.homes.note_groups(user, [group for group, is_in in found.items() if is_in])
            self.show(user)

    def show(self, user: str) -> None:
        """Bring it up to date. Safe to repeat."""
        records = self._records
        try:
            bring_up_to_date(user, records, lambda home: home_view(home, records.now()), self._publish)
        except Conflict as error:
            log.warning("home_not_shown", why=str(error))

    def _publish(self, user: str, view: dict[str, Any], over: str) -> str:
        from slack_sdk.errors import SlackApiError

        try:
            answer = self._client().views_publish(user_id=user, view=view, hash=over or None)
        except SlackApiError as error:
            if error.response.get("error") == "hash_conflict":
                raise Conflict("That Home tab changed since it was read.") from error
            raise
        return str(answer["view"]["hash"])


def listen_to_home(app: App, records: Records, answering: Answering) -> None:
    """The Home tab: opening it, and what is chosen and pressed on it."""
    tab = HomeTab(records, lambda: answering.client)
    groups_of = slack_groups(records.settings, answering.after)

    @app.event("app_home_opened")
    def opened(body: Body) -> None:
        if user := on_opened(body, records):
            answering.later(lambda: tab.greet(user))

    def follow(ack: Ack, body: Body) -> None:
        on_follow(body, records)
        ack()
        answering.later(lambda: tab.show(body["user"]["id"]))

    app.action(FOLLOW)(follow)
    app.action(FOLLOW_SEARCH)(follow)

    @app.options(FOLLOW_SEARCH)
    def suggest(ack: Ack, body: Body) -> None:
        ack(options=services_like(body.get("value") or "", records))

    def press(change: Callable[[Body, Records, GroupsOf], View | None]) -> Callable[[Ack, Body], None]:
        def pressed(ack: Ack, body: Body) -> None:
            refusal = change(body, records, groups_of)
            ack()
            answering.tell(refusal, body)
            answering.later(lambda: tab.show(body["user"]["id"]))

        return pressed

    _listen_to_digests(app, records, answering, tab, groups_of)
    app.action(re.compile(rf"{SET_MODE}:"))(press(on_mode))
    app.action(PAUSE)(press(on_pause))
    app.action(RESUME)(press(on_resume))


def _listen_to_digests(
    app: App, records: Records, answering: Answering, tab: HomeTab, groups_of: GroupsOf
) -> None:  # fmt: skip
    """When channels get their digests, in forms of their own."""
    outside = slack_outside(records.settings)

    @app.action(EDIT_DIGEST)
    def edit(ack: Ack, body: Body) -> None:
        found = on_edit(body, records)
        ack()
        if isinstance(found, View):
            answering.tell(found, body)
            answering.later(lambda: tab.show(body["user"]["id"]))
        else:
            answering.show(found, body["trigger_id"], place_of(body))

    @app.action(ADD_DIGEST)
    def add(ack: Ack, body: Body) -> None:
        form = on_add(records)
        ack()
        answering.show(form, body["trigger_id"], place_of(body))

    @app.view(DIGEST_MODAL)
    def saved(ack: Ack, body: Body) -> None:
        found = on_saved(body, records, groups_of, outside, answering.after)
        if "type" not in found:
            ack(response_action="errors", errors=found)
            return
        ack(response_action="update", view=found)
        answering.later(lambda: tab.show(body["user"]["id"]))

    @app.action(REMOVE_DIGEST)
    def removed(ack: Ack, body: Body) -> None:
        modal = on_removed(body, records, groups_of)
        ack()
        answering.later(lambda: answering.client.views_update(view_id=body["view"]["id"], view=modal))
        answering.later(lambda: tab.show(body["user"]["id"]))

    @app.options(ZONE)
    def zones(ack: Ack, body: Body) -> None:
        ack(options=zones_like(body.get("value") or ""))
