"""An unmodified slack_bolt App in the sandbox: the same journeys by Socket Mode and by signed HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
from slack_bolt import App as Bolt
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from sandbox.slack import App, SlackServer, SlackThread, run_in_thread

Json = dict[str, Any]
SUBSCRIBED = frozenset({"app_mention", "message.im", "app_home_opened", "reaction_added", "agent_session_stopped"})


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def button(label: str, action_id: str, value: str = "A1") -> Json:
    return {"type": "button", "text": plain(label), "action_id": action_id, "value": value}


def modal(callback_id: str, *blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "callback_id": callback_id, "title": plain("Reject"), "blocks": list(blocks), **more}


WHY = {
    "type": "input",
    "block_id": "why",
    "label": plain("Why?"),
    "element": {"type": "plain_text_input", "action_id": "text"},
}
PROPOSAL = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*Proposed*: roll back"}},
    {"type": "actions", "block_id": "decide", "elements": [button("Approve", "approve"), button("Reject", "reject")]},
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class Bot:
    """A Bolt app and a list of what its listeners saw."""

    def __init__(self, slack: SlackThread) -> None:
        self.client = WebClient(token=slack.server.bot_token, base_url=slack.server.url, retry_handlers=[])
        self.executor = ThreadPoolExecutor(8)
        self.app = Bolt(signing_secret=slack.server.signing_secret, client=self.client, listener_executor=self.executor)
        self.saw: list[Any] = []
        self.slack = slack

    def see(self, thing: Any) -> None:
        self.saw.append(thing)

    def wait(self, count: int = 1) -> list[Any]:
        return self.slack.wait_for(lambda: self.saw if len(self.saw) >= count else None)


def by_socket(slack: SlackThread, bot: Bot) -> Callable[[], None]:
    handler = SocketModeHandler(bot.app, slack.server.app_token)
    handler.connect()
    slack.wait_for(lambda: slack.server.connections == 1)
    return handler.close


def by_http(slack: SlackThread, bot: Bot) -> Callable[[], None]:
    server = WSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(SlackRequestHandler(bot.app))
    slack.server.request_url = f"http://127.0.0.1:{server.server_port}/slack/events"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return stop


@pytest.fixture(scope="module", params=[by_socket, by_http])
def bot(request: pytest.FixtureRequest) -> Iterator[Bot]:
    """One bot for all journeys of a transport: its listeners are those below."""
    with run_in_thread(SlackServer(app=App(events=SUBSCRIBED))) as slack:
        bot = Bot(slack)
        listen(bot)
        stop = request.param(slack, bot)
        yield bot
        stop()
        bot.executor.shutdown()


@pytest.fixture
def slack(bot: Bot) -> SlackThread:
    """The server, as if new; a minute has passed, so that no limit of the last test is left."""
    bot.slack.server.clock.advance(61)
    bot.saw.clear()
    workspace = bot.slack.server.workspace
    for kept in (workspace.messages, workspace.ephemerals, workspace.breaches, workspace.views, workspace.open_views):
        kept.clear()
    return bot.slack


def listen(bot: Bot) -> None:
    @bot.app.command("/sre")
    def on_command(ack: Any, command: Json, client: WebClient, respond: Any) -> None:
        ack(f"Working on {command['text']}")
        bot.see(command)

    @bot.app.event("app_mention")
    def on_mention(event: Json, client: WebClient) -> None:
        client.chat_postMessage(
            channel=event["channel"], thread_ts=event.get("thread_ts", event["ts"]), text="A proposal.", blocks=PROPOSAL
        )

    @bot.app.action("approve")
    def on_approve(ack: Any, body: Json, respond: Any) -> None:
        ack()
        respond(text=f"Approved by <@{body['user']['id']}>.", replace_original=True)
        bot.see(body)

    @bot.app.action("reject")
    def on_reject(ack: Any, body: Json, client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=modal("reject", WHY, submit=plain("Send")))
        bot.see(body)

    @bot.app.view("reject")
    def on_reason(ack: Any, view: Json, body: Json) -> None:
        reason = view["state"]["values"]["why"]["text"]["value"]
        if reason == "no":
            ack(response_action="errors", errors={"why": "Say a little more."})
        elif reason == "clear":
            ack(response_action="clear")
        elif reason == "push":
            ack(response_action="push", view=modal("thanks", {"type": "divider"}))
        elif reason == "update":
            ack(response_action="update", view=modal("thanks", {"type": "divider"}))
        elif reason == "nonsense":
            ack(response_action="errors", errors={"nowhere": "x"})
        else:
            ack()
        bot.see(reason)

    @bot.app.view_closed("renamed")
    def on_closed(ack: Any) -> None:
        ack()

    @bot.app.shortcut("investigate")
    def on_shortcut(ack: Any, shortcut: Json) -> None:
        ack()
        bot.see(shortcut)

    for name in ("message", "reaction_added", "app_home_opened", "agent_session_stopped"):
        bot.app.event(name)(lambda event, logger: bot.see(event))


def propose(slack: SlackThread) -> str:
    """Ask the bot; the ts of the message with its buttons."""
    asked = str(slack.mention("maria", "#sre", "why is checkout slow?").ts)
    return slack.wait_for(lambda: slack.server.thread(asked)[1:])[0].ts


def test_a_command_is_answered_at_once_and_later(bot: Bot, slack: SlackThread) -> None:
    outcome = slack.command("maria", "#sre", "/sre", "explain checkout")
    assert outcome.acked
    (command,) = bot.wait()
    WebhookClient(command["response_url"]).send(text="Healthy.", response_type="ephemeral")
    assert [m.text for m in slack.ephemerals("maria")] == ["Working on explain checkout", "Healthy."]
    assert slack.ephemerals("jonas") == []
    assert slack.server.breaches == []


def test_a_mention_gets_buttons_and_a_click_replaces_them(bot: Bot, slack: SlackThread) -> None:
    ts = propose(slack)
    outcome = slack.click("maria", ts, "approve")
    assert outcome.acked
    (body,) = bot.wait()
    assert (body["actions"][0]["value"], body["actions"][0]["block_id"]) == ("A1", "decide")
    assert (body["container"]["message_ts"], body["user"]["id"], body["message"]["ts"]) == (ts, "U0MARIA", ts)
    message = slack.server.workspace.find(ts)
    assert message
    assert (message.text, message.blocks) == ("Approved by <@U0MARIA>.", [])
    assert "    Approved by @maria.\n" in slack.transcript("sre").replace("  ┃ ", "")


def test_a_click_on_what_is_not_there(slack: SlackThread) -> None:
    ts = propose(slack)
    with pytest.raises(LookupError, match=r"nothing with the action id 'detonate', only \['approve', 'reject'\]"):
        slack.click("maria", ts, "detonate")
    with pytest.raises(LookupError, match=r"maria sees no message 1\.1"):
        slack.click("maria", "1.1", "approve")


def test_a_modal_is_opened_filled_in_and_submitted(bot: Bot, slack: SlackThread) -> None:
    slack.click("maria", propose(slack), "reject")
    bot.wait(1)
    missing = slack.submit_view("maria")
    assert (missing.error, missing.body) == ("missing_input", {"errors": {"why": "Complete this required field."}})
    outcome = slack.submit_view("maria", {"why": "Not now"})
    assert outcome.acked
    assert bot.wait(2)[1] == "Not now"
    with pytest.raises(LookupError, match="maria has no modal open"):
        slack.submit_view("maria")


def open_stack(slack: SlackThread) -> list[str]:
    views = slack.server.workspace
    return [views.views[view_id].content["callback_id"] for view_id in views.open_views["U0MARIA"]]


@pytest.mark.parametrize(
    ("reason", "left"),
    [("fine", []), ("clear", []), ("no", ["reject"]), ("push", ["reject", "thanks"]), ("update", ["thanks"])],
)
def test_the_answer_to_a_submission_is_followed(bot: Bot, slack: SlackThread, reason: str, left: list[str]) -> None:
    slack.click("maria", propose(slack), "reject")
    bot.wait(1)
    assert slack.submit_view("maria", {"why": reason}).acked
    assert open_stack(slack) == left
    errors = [v.errors for v in slack.server.workspace.views.values() if v.errors]
    assert errors == ([{"why": "Say a little more."}] if reason == "no" else [])


def test_an_error_for_an_input_that_is_not_there_is_a_breach(bot: Bot, slack: SlackThread) -> None:
    slack.click("maria", propose(slack), "reject")
    bot.wait(1)
    assert slack.submit_view("maria", {"why": "nonsense"}).error == "invalid_arguments"
    assert open_stack(slack) == ["reject"]
    assert [breach.rule for breach in slack.server.breaches] == ["invalid_arguments"]


def test_a_shortcut_brings_its_message(bot: Bot, slack: SlackThread) -> None:
    ts = str(slack.say("jonas", "#sre", "checkout is slow again").ts)
    assert slack.shortcut("maria", "investigate", ts).acked
    (shortcut,) = bot.wait()
    assert (shortcut["message"]["text"], shortcut["message_ts"]) == ("checkout is slow again", ts)
    assert shortcut["user"]["name"] == "maria"


def test_events_reach_their_listeners(bot: Bot, slack: SlackThread) -> None:
    ts = str(slack.say("maria", "@sre", "hello").ts)
    slack.react("jonas", ts, "eyes")
    slack.open_home("li")
    bot.wait(3)
    kinds = {event["type"]: event for event in bot.saw}
    assert kinds["message"]["channel_type"] == "im"
    assert kinds["reaction_added"]["item"]["ts"] == ts
    assert kinds["app_home_opened"]["user"] == "U0LI"


def test_the_stop_button_tells_which_streams_it_stopped(bot: Bot, slack: SlackThread) -> None:
    asked = str(slack.say("maria", "#sre", "why?").ts)
    recipient = {"recipient_user_id": "U0MARIA", "recipient_team_id": "T0SANDBOX"}
    ts = str(bot.client.chat_startStream(channel="C0SRE", thread_ts=asked, markdown_text="Well, ", **recipient)["ts"])
    assert slack.stop_stream("maria", ts).acked
    (event,) = bot.wait()
    assert (event["streaming_message_ts"], event["thread_ts"]) == ([ts], asked)


def view_error(bot: Bot, trigger_id: str, view: Json | None = None) -> str:
    try:
        bot.client.views_open(trigger_id=trigger_id, view=view or modal("m", {"type": "divider"}))
    except SlackApiError as error:
        return str(error.response["error"])
    return ""


def test_a_trigger_is_good_once_and_for_three_seconds(bot: Bot, slack: SlackThread) -> None:
    slack.command("maria", "#sre", "/sre", "a")
    slack.command("maria", "#sre", "/sre", "b")
    first, second = (command["trigger_id"] for command in bot.wait(2))
    assert view_error(bot, first, modal("m", {"type": "markdown", "text": "x"})) == "invalid_arguments"
    assert view_error(bot, first, modal("m", {"type": "divider"}, private_metadata="x" * 250_001)) == "view_too_large"
    assert view_error(bot, first) == ""
    assert view_error(bot, first) == "exchanged_trigger_id"
    slack.server.clock.advance(3.1)
    assert view_error(bot, second) == "expired_trigger_id"
    assert view_error(bot, "1.2.x") == "invalid_trigger_id"


def test_a_view_is_updated_by_id_and_only_while_its_hash_is_current(bot: Bot, slack: SlackThread) -> None:
    slack.command("maria", "#sre", "/sre", "a")
    trigger = bot.wait()[0]["trigger_id"]
    view = bot.client.views_open(trigger_id=trigger, view=modal("m", {"type": "divider"}, external_id="ext"))["view"]
    newer = bot.client.views_update(view_id=view["id"], hash=view["hash"], view=modal("m2", {"type": "divider"}))[
        "view"
    ]
    with pytest.raises(SlackApiError, match="hash_conflict"):
        bot.client.views_update(view_id=view["id"], hash=view["hash"], view=modal("m3", {"type": "divider"}))
    with pytest.raises(SlackApiError, match="not_found"):
        bot.client.views_update(view_id="V404", view=modal("m3", {"type": "divider"}))
    assert newer["callback_id"] == "m2"
    assert open_stack(slack) == ["m2"]
    slack.close_view("maria")
    assert open_stack(slack) == []


def test_at_most_three_modals_lie_on_top_of_each_other(bot: Bot, slack: SlackThread) -> None:
    for text in "abcd":
        slack.command("maria", "#sre", "/sre", text)
    triggers = [command["trigger_id"] for command in bot.wait(4)]
    view = modal("m", {"type": "divider"})
    bot.client.views_open(trigger_id=triggers[0], view=view)
    for trigger in triggers[1:3]:
        bot.client.views_push(trigger_id=trigger, view=view)
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        bot.client.views_push(trigger_id=triggers[3], view=view)


def test_a_response_url_takes_five_answers(bot: Bot, slack: SlackThread) -> None:
    slack.command("maria", "#sre", "/sre", "a")
    hook = WebhookClient(bot.wait()[0]["response_url"])
    assert [hook.send(text=str(number)).status_code for number in range(5)] == [200] * 5
    sixth = hook.send(text="5")
    assert (sixth.status_code, "used_url" in sixth.body) == (404, True)
    assert [breach.rule for breach in slack.server.breaches] == ["used_url"]


def test_a_response_url_ends_after_half_an_hour(bot: Bot, slack: SlackThread) -> None:
    slack.command("maria", "#sre", "/sre", "a")
    hook = WebhookClient(bot.wait()[0]["response_url"])
    slack.server.clock.advance(1801)
    assert "expired_url" in hook.send(text="late").body
    slack.server.clock.advance(1801)


def test_a_response_url_says_replaces_and_deletes(bot: Bot, slack: SlackThread) -> None:
    ts = propose(slack)
    slack.click("maria", ts, "reject")
    hook = WebhookClient(bot.wait()[0]["response_url"])
    hook.send(text="Only for you")
    hook.send(text="For all", response_type="in_channel")
    hook.send(text="New words", replace_original=True)
    original = slack.server.workspace.find(ts)
    assert original
    assert (original.text, original.blocks) == ("New words", [])
    assert [m.text for m in slack.ephemerals("maria")] == ["Only for you"]
    assert slack.thread(str(original.thread_ts))[-1].text == "For all"
    hook.send(delete_original=True)
    assert slack.server.workspace.find(ts) is None
    refused = hook.send(text="x", blocks=[{"type": "wizard"}])
    assert (refused.status_code, "invalid_blocks" in refused.body) == (400, True)


def test_an_ephemeral_message_can_be_replaced_only_through_its_own_click(bot: Bot, slack: SlackThread) -> None:
    bot.client.chat_postEphemeral(channel="C0SRE", user="U0MARIA", text="A proposal", blocks=PROPOSAL)
    ephemeral = slack.ephemerals("maria")[0]
    with pytest.raises(LookupError, match="jonas sees no message"):
        slack.click("jonas", ephemeral.ts, "approve")
    slack.click("maria", ephemeral.ts, "approve")
    (body,) = bot.wait()
    assert body["container"]["is_ephemeral"]
    assert [(m.text, m.blocks) for m in slack.ephemerals("maria")] == [("Approved by <@U0MARIA>.", [])]


def test_a_button_of_the_home_tab_is_clicked_by_its_view(bot: Bot, slack: SlackThread) -> None:
    home = {"type": "home", "blocks": PROPOSAL}
    view_id = bot.client.views_publish(user_id="U0LI", view=home)["view"]["id"]
    assert slack.click("li", view_id, "reject").acked
    (body,) = bot.wait()
    assert (body["container"], body["user"]["id"]) == ({"type": "view", "view_id": view_id}, "U0LI")
    with pytest.raises(LookupError):
        slack.click("maria", view_id, "reject")


def test_an_external_id_names_one_view(bot: Bot, slack: SlackThread) -> None:
    for text in "ab":
        slack.command("maria", "#sre", "/sre", text)
    triggers = [command["trigger_id"] for command in bot.wait(2)]
    view = modal("m", {"type": "divider"}, external_id="one", notify_on_close=True)
    bot.client.views_open(trigger_id=triggers[0], view=view)
    with pytest.raises(SlackApiError, match="duplicate_external_id"):
        bot.client.views_push(trigger_id=triggers[1], view=view)
    bot.client.views_update(external_id="one", view=modal("renamed", {"type": "divider"}, notify_on_close=True))
    assert open_stack(slack) == ["renamed"]
    closed = slack.close_view("maria")
    assert closed.acked
    assert (closed.payload or {})["type"] == "view_closed"


def test_what_nobody_answers_is_told_to_who_did_it(bot: Bot, slack: SlackThread) -> None:
    blocks = [{"type": "actions", "elements": [button("Odd", "unknown_action")]}]
    ts = str(bot.client.chat_postMessage(channel="C0SRE", text="x", blocks=blocks)["ts"])
    clicked = bot.executor.submit(slack.click, "jonas", ts, "unknown_action")
    typed = slack.command("maria", "#sre", "/other")
    assert typed.error in ("dispatch_failed", "operation_timeout")
    assert slack.ephemerals("maria")[0].text == f'/other failed with the error "{typed.error}"'
    assert clicked.result().error == typed.error
    assert len(slack.ephemerals("jonas")) == 1
