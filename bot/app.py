"""One set of listeners, for Socket Mode and HTTP alike.

A listener saves what was asked, queues it, and answers: Slack's acknowledgement goes out last, so that what was
acknowledged is never lost. What has to wait for Slack itself (a modal, a word to the author) runs after the
acknowledgement, on threads of its own.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from blocks.approval import APPROVE, DETAILS, REJECT
from blocks.card import OPEN_THREAD
from blocks.command import INCIDENT_MENU, ORDER, reply_blocks, told_form
from blocks.diagnosis import FEEDBACK_RIGHT, FEEDBACK_WRONG
from blocks.digest import POST_DIGEST as POST_DIGEST_HERE
from blocks.digest import SHOW_RULE
from blocks.evidence import SHOW_EVIDENCE, TURN_PAGE
from blocks.forms import REJECT_MODAL
from blocks.grouping import MERGE_MODAL, MORE, SPLIT
from blocks.handoff import POST_HANDOFF
from blocks.measures import EXPORT, SHOW_DEFINITIONS, definitions_modal
from blocks.paging import ACKNOWLEDGE, ESCALATE, NOTE_MODAL, PAGE_MODAL, RESOLVE
from blocks.replies import reply
from blocks.toil import LOG_TOIL, UNDO_TOIL
from bot.answering import Answering, Body, Place, place_of
from bot.approvals import on_approve, on_details, on_reject, on_rejected
from bot.buttons import evidence_page, on_feedback
from bot.commanding import ask_what_fixed_it, on_choice, on_form, on_incident_menu, on_order
from bot.digesting import on_post, on_rule
from bot.grouping import on_merge, on_more, on_split
from bot.handing_off import on_post as on_post_handoff
from bot.home import listen_to_home
from bot.measuring import on_export
from bot.membership import slack_groups
from bot.mentions import INVESTIGATE_THIS, on_investigate_this, on_mention, on_stop
from bot.paging import on_note, on_page, on_page_button, on_reaction
from bot.presence import slack_absence
from bot.slash import Command, answer
from bot.toiling import on_log_toil, on_logged, on_undo, place_in
from core.errors import NotFound
from core.outbox import View
from core.records import Records

if TYPE_CHECKING:
    from slack_bolt import Ack, App

COMMAND = "/sre"
_ANY = re.compile("")


def build_app(records: Records, answering: Answering) -> App:
    """The Bolt app, which connects to nothing. Whoever hands it a request has checked where that came from."""
    from slack_bolt import App
    from slack_bolt.authorization import AuthorizeResult

    token = records.settings.slack_bot_token
    secret = token.get_secret_value() if token else ""

    def authorize(enterprise_id: str | None, team_id: str | None, user_id: str | None) -> AuthorizeResult:
        # Slack's own lookup would cost a request to Slack before the first answer, and fail while Slack does.
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, user_id=user_id, bot_token=secret)

    bolt_log = logging.getLogger("slack_bolt.sre")
    bolt_log.setLevel(logging.ERROR)  # it warns of the token in its environment, which `authorize` replaces
    app = App(
        name="sre-bot", logger=bolt_log, signing_secret="", authorize=authorize,  # checked at the edge
        request_verification_enabled=False, process_before_response=True, listener_executor=answering.after,
    )  # fmt: skip
    listen_to_home(app, records, answering)  # before `_listen`, which takes every event that is left
    _listen(app, records, answering)
    _listen_to_grouping(app, records, answering)
    _listen_to_orders(app, records, answering)
    _listen_to_paging(app, records, answering)
    _listen_to_figures(app, records, answering)
    _listen_to_digests(app, records, answering)
    _listen_to_cards(app, records, answering)
    app.error(answering.apologise)
    return app


def _listen(app: App, records: Records, answering: Answering) -> None:
    groups_of = slack_groups(records.settings, answering.after)
    absent = slack_absence(records.settings)

    @app.command(COMMAND)
    def on_command(ack: Ack, body: Body) -> None:
        command = Command(
            text=body.get("text", ""), user=body["user_id"], team=body.get("team_id"), channel=body["channel_id"],
            response_url=body.get("response_url"),
        )  # fmt: skip
        view = answer(command, records, groups_of)
        ack(text=view.text, blocks=list(view.blocks) or None, response_type="ephemeral")

    def hear(body: Body) -> None:
        event = body["event"]
        told = on_mention(body, records, groups_of, absent)
        if told:
            thread_ts = event.get("thread_ts") or event.get("ts")
            answering.say(told, Place(event["user"], event["channel"], thread_ts, response_url=None))

    app.event("app_mention")(hear)
    app.event("message")(hear)
    app.event("agent_session_stopped")(lambda body: on_stop(body, records))
    app.event("reaction_added")(lambda body: on_reaction(body, records))
    app.event(_ANY)(lambda: None)  # whatever else somebody subscribed to; refused events make Slack give up on an app

    @app.shortcut(INVESTIGATE_THIS)
    def on_shortcut(ack: Ack, body: Body) -> None:
        view = on_investigate_this(body, records)
        ack()
        answering.say(view, place_of(body))

    def on_judgement(ack: Ack, body: Body) -> None:
        view = on_feedback(body, records)
        ack()
        answering.say(view, place_of(body))

    app.action(FEEDBACK_RIGHT)(on_judgement)
    app.action(FEEDBACK_WRONG)(on_judgement)
    app.action(OPEN_THREAD)(lambda ack: ack())  # a link: Slack wants an answer all the same

    @app.action(SHOW_EVIDENCE)
    def on_evidence(ack: Ack, body: Body) -> None:
        try:
            modal = evidence_page(body, records)
        except NotFound:
            ack()
            answering.say(reply("That investigation is gone, so there is no evidence to show."), place_of(body))
            return
        ack()
        answering.show(modal, body["trigger_id"], place_of(body))

    @app.action(re.compile(rf"{TURN_PAGE}:"))
    def on_turn(ack: Ack, body: Body) -> None:
        modal = evidence_page(body, records)
        ack()
        answering.later(lambda: answering.client.views_update(view_id=body["view"]["id"], view=modal))


def _listen_to_orders(app: App, records: Records, answering: Answering) -> None:
    """How people run an incident: buttons, forms, and the shortcut on messages."""
    absent = slack_absence(records.settings)

    @app.action(re.compile(rf"{ORDER}:"))
    def ordered(ack: Ack, body: Body) -> None:
        found = on_order(body, place_of(body), records)
        ack()
        view = body.get("view")
        if view is None:
            answering.show(found, body["trigger_id"], place_of(body))
            return
        shown = told_form(view["title"]["text"], reply_blocks(found)) if isinstance(found, View) else found
        answering.later(lambda: answering.client.views_update(view_id=view["id"], view=shown))

    @app.view(re.compile(rf"{ORDER}:"))
    def submitted(ack: Ack, body: Body) -> None:
        found = on_form(body, records, absent)
        if "type" in found:
            ack(response_action="update", view=found)
        else:
            ack(response_action="errors", errors=found)

    @app.shortcut(INCIDENT_MENU)
    def menu(ack: Ack, body: Body) -> None:
        found = on_incident_menu(body, place_of(body), records)
        ack()
        answering.show(found, body["trigger_id"], place_of(body))


def _listen_to_grouping(app: App, records: Records, answering: Answering) -> None:
    """The card's menu: which alerts, splitting off, merging."""

    @app.action(MORE)
    def more(ack: Ack, body: Body) -> None:
        found = on_choice(body, place_of(body), records) or on_more(body, place_of(body), records)
        ack()
        answering.show(found, body["trigger_id"], place_of(body))

    @app.action(SPLIT)
    def split(ack: Ack, body: Body) -> None:
        modal = on_split(body, records)
        ack()
        answering.later(lambda: answering.client.views_update(view_id=body["view"]["id"], view=modal))

    @app.view(MERGE_MODAL)
    def merge(ack: Ack, body: Body) -> None:
        ack(response_action="update", view=on_merge(body, records))


def _listen_to_paging(app: App, records: Records, answering: Answering) -> None:
    """What is done in PagerDuty from the card."""

    def press(ack: Ack, body: Body) -> None:
        view = on_page_button(body, place_of(body), records)
        ends = body["actions"][0]["action_id"] == RESOLVE and view is None
        asks = ask_what_fixed_it(body["actions"][0]["value"], place_of(body), records) if ends else None
        ack()
        answering.show(asks, body["trigger_id"], place_of(body)) if asks else answering.say(view, place_of(body))

    for action in (ACKNOWLEDGE, RESOLVE, ESCALATE):
        app.action(action)(press)

    @app.view(NOTE_MODAL)
    def noted(ack: Ack, body: Body) -> None:
        on_note(body, records)
        ack()

    @app.view(PAGE_MODAL)
    def paged(ack: Ack, body: Body) -> None:
        errors = on_page(body, records)
        if errors:
            ack(response_action="errors", errors=errors)
        else:
            ack()


def _listen_to_figures(app: App, records: Records, answering: Answering) -> None:
    """Metrics and toil."""

    @app.action(SHOW_DEFINITIONS)
    def definitions(ack: Ack, body: Body) -> None:
        ack()
        answering.show(definitions_modal(), body["trigger_id"], place_of(body))

    @app.action(EXPORT)
    def export(ack: Ack, body: Body) -> None:
        view = on_export(body, place_of(body), records)
        ack()
        answering.say(view, place_of(body))

    @app.action(UNDO_TOIL)
    def undo(ack: Ack, body: Body) -> None:
        view = on_undo(body, records)
        ack()
        answering.say(view, place_of(body))

    @app.shortcut(LOG_TOIL)
    def log_toil(ack: Ack, body: Body) -> None:
        form = on_log_toil(body, place_of(body), records)
        ack()
        answering.show(form, body["trigger_id"], place_of(body))

    @app.view(LOG_TOIL)
    def logged(ack: Ack, body: Body) -> None:
        found = on_logged(body, records)
        if isinstance(found, View):
            ack()
            answering.say(found, place_in(body))
        else:
            ack(response_action="errors", errors=found)


def _listen_to_digests(app: App, records: Records, answering: Answering) -> None:
    """The buttons of a digest and of a handoff."""

    @app.action(POST_HANDOFF)
    def hand_over(ack: Ack, body: Body) -> None:
        view = on_post_handoff(place_of(body), records)
        ack()
        answering.say(view, place_of(body))

    @app.action(POST_DIGEST_HERE)
    def post(ack: Ack, body: Body) -> None:
        view = on_post(body, place_of(body), records)
        ack()
        answering.say(view, place_of(body))

    @app.action(re.compile(rf"{SHOW_RULE}:"))
    def rule(ack: Ack, body: Body) -> None:
        found = on_rule(body, records)
        ack()
        answering.show(found, body["trigger_id"], place_of(body))


def _listen_to_cards(app: App, records: Records, answering: Answering) -> None:
    """The buttons of a proposal, and last whatever no other listener knows."""

    @app.action(APPROVE)
    def approve(ack: Ack, body: Body) -> None:
        view = on_approve(body, place_of(body), records)
        ack()
        answering.say(view, place_of(body))

    @app.action(REJECT)
    def reject(ack: Ack, body: Body) -> None:
        found = on_reject(body, place_of(body), records)
        ack()
        answering.show(found, body["trigger_id"], place_of(body))

    @app.view(REJECT_MODAL)
    def rejected(ack: Ack, body: Body) -> None:
        view, place = on_rejected(body, records)
        ack()
        answering.say(view, place)

    @app.action(DETAILS)
    def details(ack: Ack, body: Body) -> None:
        found = on_details(body, records)
        ack()
        answering.show(found, body["trigger_id"], place_of(body))

    @app.action(_ANY)
    def on_unknown(ack: Ack, body: Body) -> None:
        ack()
        answering.tell(reply("That button is of another version of me, so I have done nothing."), body)
