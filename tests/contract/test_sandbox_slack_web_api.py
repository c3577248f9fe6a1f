"""The Web API as Slack documents it, asked through slack_sdk's own client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import MarkdownTextObject, SectionBlock

from sandbox.slack import App, SlackServer, SlackThread, run_in_thread
from sandbox.slack.app import EVERY_SCOPE

Json = dict[str, Any]
BLOCK = {"type": "section", "text": {"type": "mrkdwn", "text": "*Hello*"}}

# slack_sdk says the same as the server, before it asks.
pytestmark = pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing")


@pytest.fixture
def slack() -> Iterator[SlackThread]:
    with run_in_thread() as running:
        yield running


@pytest.fixture
def client(slack: SlackThread) -> WebClient:
    return WebClient(token=slack.server.bot_token, base_url=slack.server.url, retry_handlers=[])


def refused(call: Callable[[], Any]) -> Any:
    """The answer to a call that Slack refuses."""
    with pytest.raises(SlackApiError) as caught:
        call()
    return caught.value.response


def rules(slack: SlackThread) -> list[str]:
    return [breach.rule for breach in slack.server.breaches]


def test_who_the_bot_is(client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["team_id"], answer["user_id"], answer["bot_id"]) == ("T0SANDBOX", "U0SREBOT", "B0SREBOT")
    assert "chat:write" in answer.headers["x-oauth-scopes"]
    assert client.bots_info(bot="B0SREBOT")["bot"]["user_id"] == "U0SREBOT"
    assert client.team_info()["team"]["id"] == "T0SANDBOX"


def test_tokens_are_checked(slack: SlackThread) -> None:
    def error(token: str | None, method: str = "auth.test") -> str:
        client = WebClient(token=token, base_url=slack.server.url)
        return str(refused(lambda: client.api_call(method))["error"])

    assert error(None) == "not_authed"
    assert error("xoxb-wrong") == "invalid_auth"
    assert error(slack.server.app_token) == "not_allowed_token_type"
    assert error(slack.server.bot_token, "apps.connections.open") == "not_allowed_token_type"
    assert error(slack.server.bot_token, "chat.shout") == "unknown_method"


def test_a_missing_scope_is_named() -> None:
    with run_in_thread(SlackServer(app=App(scopes=frozenset({"users:read"})))) as slack:
        client = WebClient(token=slack.server.bot_token, base_url=slack.server.url)
        answer = refused(lambda: client.chat_postMessage(channel="#sre", text="x"))
        assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", "chat:write", "users:read")
        assert "email" not in client.users_info(user="U0MARIA")["user"]["profile"]
        assert refused(lambda: client.users_lookupByEmail(email="li@example.com"))["error"] == "missing_scope"


def test_a_message_is_posted_by_id_by_name_and_to_a_person(slack: SlackThread, client: WebClient) -> None:
    for channel in ("C0SRE", "#sre"):
        answer = client.chat_postMessage(
            channel=channel, text="Hello", blocks=[SectionBlock(text=MarkdownTextObject(text="*Hello*"))]
        )
        assert (answer["channel"], answer["message"]["bot_id"]) == ("C0SRE", "B0SREBOT")
        assert answer["message"]["blocks"][0]["block_id"]
    assert client.chat_postMessage(channel="U0LI", text="Hi")["channel"].startswith("D")
    assert [m.text for m in slack.messages("sre")] == ["Hello", "Hello"]
    assert slack.server.breaches == []


def test_form_and_json_bodies_mean_the_same(slack: SlackThread, client: WebClient) -> None:
    message = {"channel": "C0SRE", "text": "Hello"}
    client.api_call("chat.postMessage", json=message | {"blocks": [BLOCK]})
    client.api_call(
        "chat.postMessage",
        data=message | {"blocks": '[{"type": "section", "text": {"type": "mrkdwn", "text": "*Hello*"}}]'},
    )
    client.api_call("chat.postMessage", http_verb="GET", params=message | {"token": slack.server.bot_token})
    shown = [[{**block, "block_id": ""} for block in m.blocks] for m in slack.messages("sre")]
    assert shown == [[{**BLOCK, "block_id": ""}], [{**BLOCK, "block_id": ""}], []]


def test_a_post_that_cannot_be(slack: SlackThread, client: WebClient) -> None:
    slack.server.workspace.channel("shop").is_archived = True

    def error(channel: str, **more: Any) -> str:
        slack.server.clock.advance(1)
        return str(refused(lambda: client.chat_postMessage(channel=channel, **more))["error"])

    assert error("C404", text="x") == "channel_not_found"
    assert error("C0GENERAL", text="x") == "not_in_channel"
    assert error("C0SHOP", text="x") == "is_archived"
    assert error("C0SRE") == "no_text"
    assert error("C0SRE", text="   ") == "no_text"
    assert error("C0SRE", text="x", thread_ts="1.1") == "thread_not_found"
    assert error("C0SRE", text="x", markdown_text="y") == "markdown_text_conflict"
    assert error("C0SRE", markdown_text="m" * 12_001) == "msg_too_long"
    assert error("C0SRE", text="x", blocks="[{") == "invalid_blocks_format"
    assert error("C0SRE", text="x", attachments=[{"text": "a"}] * 101) == "too_many_attachments"
    assert error("C0SRE", text="x", metadata={"event_type": "t"}) == "invalid_metadata_schema"
    assert slack.messages("sre") == []


def test_invalid_blocks_say_what_and_where_and_are_noted_as_a_breach(slack: SlackThread, client: WebClient) -> None:
    answer = refused(lambda: client.chat_postMessage(channel="C0SRE", text="x", blocks=[{"type": "wizard"}]))
    problem = "unsupported type: wizard [json-pointer:/blocks/0/type]"
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [problem]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {problem}"]
    breach = slack.server.breaches[0]
    assert (breach.rule, breach.where) == ("invalid_blocks", "chat.postMessage")
    assert problem in breach.message


def test_blocks_that_are_too_long_together(slack: SlackThread, client: WebClient) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2700}}] * 5
    assert (
        refused(lambda: client.chat_postMessage(channel="C0SRE", text="x", blocks=blocks))["error"]
        == "msg_blocks_too_long"
    )
    assert rules(slack) == ["msg_blocks_too_long"]


def test_a_post_without_text_is_warned_about(slack: SlackThread, client: WebClient) -> None:
    answer = client.chat_postMessage(channel="C0SRE", blocks=[BLOCK])
    assert answer["warning"] == "missing_text_in_message"
    assert answer["response_metadata"]["warnings"] == ["missing_text_in_message"]
    assert rules(slack) == ["missing_text_in_message"]


def test_very_long_text_is_cut(slack: SlackThread, client: WebClient) -> None:
    answer = client.chat_postMessage(channel="C0SRE", text="x" * 40_001)
    assert len(answer["message"]["text"]) == 40_000
    assert rules(slack) == ["message_truncated"]


def test_a_thread_counts_its_replies_and_stays_out_of_the_channel(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0SRE", text="INC-1")["ts"]
    reply = client.chat_postMessage(channel="C0SRE", text="evidence", thread_ts=parent)["ts"]
    loud = client.chat_postMessage(channel="C0SRE", text="solved", thread_ts=parent, reply_broadcast=True)["ts"]
    history = client.conversations_history(channel="C0SRE")["messages"]
    assert [m["ts"] for m in history] == [loud, parent]
    assert (history[1]["reply_count"], history[1]["latest_reply"], history[1]["thread_ts"]) == (2, loud, parent)
    replies = client.conversations_replies(channel="C0SRE", ts=parent)["messages"]
    assert [m["ts"] for m in replies] == [parent, reply, loud]


def test_replying_to_a_reply_goes_to_the_thread_and_is_noted(slack: SlackThread, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0SRE", text="INC-1")["ts"]
    reply = client.chat_postMessage(channel="C0SRE", text="evidence", thread_ts=parent)["ts"]
    answer = client.chat_postMessage(channel="C0SRE", text="more", thread_ts=reply)
    assert answer["message"]["thread_ts"] == parent
    assert rules(slack) == ["reply_to_reply"]


def test_history_is_read_in_pages_and_between_times(client: WebClient) -> None:
    sent = [client.chat_postMessage(channel="C0SRE", text=str(number))["ts"] for number in range(5)]
    pages = [page["messages"] for page in client.conversations_history(channel="C0SRE", limit=2)]
    assert [[m["text"] for m in page] for page in pages] == [["4", "3"], ["2", "1"], ["0"]]
    between = client.conversations_history(channel="C0SRE", oldest=sent[1], latest=sent[3])["messages"]
    assert [m["text"] for m in between] == ["2"]
    inclusive = client.conversations_history(channel="C0SRE", oldest=sent[1], latest=sent[3], inclusive=True)[
        "messages"
    ]
    assert [m["text"] for m in inclusive] == ["3", "2", "1"]
    assert refused(lambda: client.conversations_history(channel="C0SRE", cursor="???"))["error"] == "invalid_cursor"
    assert refused(lambda: client.conversations_history(channel="C0GENERAL"))["error"] == "not_in_channel"
    assert refused(lambda: client.conversations_replies(channel="C0SRE", ts="1.1"))["error"] == "thread_not_found"


def test_metadata_is_shown_only_when_asked_for(client: WebClient) -> None:
    metadata = {"event_type": "card", "event_payload": {"key": "INC-1/card"}}
    client.chat_postMessage(channel="C0SRE", text="INC-1", metadata=metadata)
    assert "metadata" not in client.conversations_history(channel="C0SRE")["messages"][0]
    asked = client.conversations_history(channel="C0SRE", include_all_metadata=True)["messages"][0]
    assert asked["metadata"] == metadata


def test_an_update_replaces_and_text_alone_removes_the_blocks(slack: SlackThread, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0SRE", text="open", blocks=[BLOCK])["ts"]
    client.chat_update(channel="C0SRE", ts=ts, text="acting", blocks=[BLOCK, {"type": "divider"}])
    assert len(slack.messages("sre")[0].blocks) == 2
    answer = client.chat_update(channel="C0SRE", ts=ts, text="resolved")
    message = slack.messages("sre")[0]
    assert (message.text, message.blocks, message.edits) == ("resolved", [], 2)
    assert answer["message"]["edited"]["user"] == "U0SREBOT"


def test_an_update_that_cannot_be(slack: SlackThread, client: WebClient) -> None:
    theirs = slack.say("maria", "sre", "mine").ts
    mine = client.chat_postMessage(channel="C0SRE", text="x")["ts"]

    def error(ts: str | None, text: str = "y") -> str:
        return str(refused(lambda: client.chat_update(channel="C0SRE", ts=str(ts), text=text))["error"])

    assert error("1.1") == "message_not_found"
    assert error(theirs) == "cant_update_message"
    assert error(mine, "y" * 4001) == "msg_too_long"
    assert error(mine, "") == "no_text"
    assert refused(lambda: client.chat_delete(channel="C0SRE", ts=str(theirs)))["error"] == "cant_delete_message"


def test_deleting_the_head_of_a_thread_leaves_a_stone(slack: SlackThread, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0SRE", text="INC-1")["ts"]
    reply = client.chat_postMessage(channel="C0SRE", text="evidence", thread_ts=parent)["ts"]
    client.chat_delete(channel="C0SRE", ts=parent)
    assert [m.text for m in slack.thread(parent)] == ["This message was deleted.", "evidence"]
    client.chat_delete(channel="C0SRE", ts=reply)
    assert [m.ts for m in slack.thread(parent)] == [parent]


def test_an_ephemeral_message_is_seen_by_one_and_found_by_nobody(slack: SlackThread, client: WebClient) -> None:
    ts = client.chat_postEphemeral(channel="C0SRE", user="U0JONAS", text="Only you")["message_ts"]
    assert [m.text for m in slack.ephemerals("jonas")] == ["Only you"]
    assert slack.ephemerals("maria") == []
    assert client.conversations_history(channel="C0SRE")["messages"] == []
    assert refused(lambda: client.chat_update(channel="C0SRE", ts=ts, text="changed"))["error"] == "message_not_found"
    assert refused(lambda: client.chat_getPermalink(channel="C0SRE", message_ts=ts))["error"] == "message_not_found"
    slack.server.workspace.channel("sre").members.remove("U0LI")
    error = refused(lambda: client.chat_postEphemeral(channel="C0SRE", user="U0LI", text="x"))["error"]
    assert error == "user_not_in_channel"


def test_permalinks(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0SRE", text="INC-1")["ts"]
    reply = client.chat_postMessage(channel="C0SRE", text="evidence", thread_ts=parent)["ts"]
    link = client.chat_getPermalink(channel="C0SRE", message_ts=parent)["permalink"]
    assert link == f"https://sandbox.slack.com/archives/C0SRE/p{parent.replace('.', '')}"
    assert client.chat_getPermalink(channel="C0SRE", message_ts=reply)["permalink"].endswith(
        f"?thread_ts={parent}&cid=C0SRE"
    )


def test_a_scheduled_message_is_posted_when_its_time_comes(slack: SlackThread, client: WebClient) -> None:
    now = slack.server.clock.now()
    client.chat_scheduleMessage(channel="C0SRE", post_at=int(now) + 3600, text="later")
    assert (
        refused(lambda: client.chat_scheduleMessage(channel="C0SRE", post_at=int(now) - 1, text="x"))["error"]
        == "time_in_past"
    )
    too_far = int(now) + 121 * 86_400
    assert (
        refused(lambda: client.chat_scheduleMessage(channel="C0SRE", post_at=too_far, text="x"))["error"]
        == "time_too_far"
    )
    assert slack.messages("sre") == []
    slack.server.clock.advance(3601)
    assert slack.wait_for(lambda: slack.server.messages("sre"))[0].text == "later"


def test_posts_are_limited_by_channel_and_say_how_long_to_wait(slack: SlackThread, client: WebClient) -> None:
    for number in range(5):
        client.chat_postMessage(channel="C0SRE", text=str(number))
    answer = refused(lambda: client.chat_postMessage(channel="C0SRE", text="5"))
    assert (answer.status_code, answer["error"], answer.headers["retry-after"]) == (429, "ratelimited", "5")
    client.chat_postMessage(channel="C0SHOP", text="another channel")
    slack.server.clock.advance(5)
    client.chat_postMessage(channel="C0SRE", text="5")
    assert rules(slack) == ["ratelimited"]


def test_fifty_updates_a_minute(slack: SlackThread, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0SRE", text="0")["ts"]
    for number in range(50):
        client.chat_update(channel="C0SRE", ts=ts, text=str(number))
    answer = refused(lambda: client.chat_update(channel="C0SRE", ts=ts, text="51"))
    assert answer["error"] == "ratelimited"
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_channels_are_listed_made_joined_and_archived(client: WebClient) -> None:
    made = client.conversations_create(name="inc-42-checkout")["channel"]["id"]
    assert refused(lambda: client.conversations_create(name="inc-42-checkout"))["error"] == "name_taken"
    assert refused(lambda: client.conversations_create(name="Not A Name"))["error"] == "invalid_name_specials"
    client.conversations_invite(channel=made, users=["U0MARIA", "U0LI"])
    assert client.conversations_members(channel=made)["members"] == ["U0SREBOT", "U0MARIA", "U0LI"]
    assert refused(lambda: client.conversations_invite(channel=made, users=["U0LI"]))["error"] == "already_in_channel"
    client.conversations_archive(channel=made)
    assert refused(lambda: client.conversations_join(channel=made))["error"] == "is_archived"
    client.conversations_join(channel="C0GENERAL")
    assert client.conversations_info(channel="C0GENERAL")["channel"]["is_member"]
    names = [c["name"] for page in client.conversations_list(limit=2, exclude_archived=True) for c in page["channels"]]
    assert names == ["sre", "shop", "general"]


def test_direct_messages_are_opened_once(client: WebClient) -> None:
    first = client.conversations_open(users=["U0LI"])["channel"]["id"]
    assert client.conversations_open(users=["U0LI"])["channel"]["id"] == first
    assert client.conversations_open(users=["U0LI", "U0MARIA"])["channel"]["id"].startswith("G")
    assert refused(lambda: client.conversations_open(users=["U404"]))["error"] == "user_not_found"


def test_people_and_groups(client: WebClient) -> None:
    assert client.users_info(user="U0MARIA")["user"]["profile"]["email"] == "maria@example.com"
    assert client.users_lookupByEmail(email="Li@Example.com")["user"]["id"] == "U0LI"
    assert refused(lambda: client.users_lookupByEmail(email="no@example.com"))["error"] == "users_not_found"
    assert client.users_profile_get(user="U0JONAS")["profile"]["display_name"] == "jonas"
    assert [u["name"] for page in client.users_list(limit=3) for u in page["members"]] == [
        "maria",
        "jonas",
        "li",
        "sre",
    ]
    group = client.usergroups_list(include_users=True)["usergroups"][0]
    assert (group["handle"], group["users"]) == ("sre-oncall", ["U0MARIA", "U0LI"])
    assert client.usergroups_users_list(usergroup="S0ONCALL")["users"] == ["U0MARIA", "U0LI"]
    assert refused(lambda: client.usergroups_users_list(usergroup="S404"))["error"] == "no_such_subteam"


def test_reactions_pins_and_bookmarks(client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0SRE", text="INC-1")["ts"]
    client.reactions_add(channel="C0SRE", timestamp=ts, name="eyes")
    assert (
        refused(lambda: client.reactions_add(channel="C0SRE", timestamp=ts, name="eyes"))["error"] == "already_reacted"
    )
    assert refused(lambda: client.reactions_add(channel="C0SRE", timestamp=ts, name="No!"))["error"] == "invalid_name"
    reactions = client.reactions_get(channel="C0SRE", timestamp=ts)["message"]["reactions"]
    assert reactions == [{"name": "eyes", "users": ["U0SREBOT"], "count": 1}]
    client.reactions_remove(channel="C0SRE", timestamp=ts, name="eyes")
    assert (
        refused(lambda: client.reactions_remove(channel="C0SRE", timestamp=ts, name="eyes"))["error"] == "no_reaction"
    )
    client.pins_add(channel="C0SRE", timestamp=ts)
    assert refused(lambda: client.pins_add(channel="C0SRE", timestamp=ts))["error"] == "already_pinned"
    assert client.conversations_history(channel="C0SRE")["pin_count"] == 1
    bookmark = client.bookmarks_add(channel_id="C0SRE", title="Runbook", type="link", link="https://x.example")[
        "bookmark"
    ]
    assert bookmark["title"] == "Runbook"
    assert refused(lambda: client.bookmarks_add(channel_id="C0SRE", title="x", type="link"))["error"] == "invalid_link"


def test_a_file_is_uploaded_in_three_steps_and_shared(slack: SlackThread, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0SRE", text="INC-1")["ts"]
    picture = b"\x89PNG chart"
    answer = client.files_upload_v2(
        channel="C0SRE", thread_ts=parent, filename="5xx.png", content=picture, title="5xx", initial_comment="See"
    )
    message = slack.thread(parent)[1]
    assert (message.text, message.files[0]["title"], message.files[0]["size"]) == ("See", "5xx", len(picture))
    assert slack.server.workspace.uploads[answer["file"]["id"]] == picture
    assert refused(lambda: client.files_completeUploadExternal(files=[{"id": "F404"}]))["error"] == "file_not_found"


def test_an_assistants_thread(slack: SlackThread, client: WebClient) -> None:
    parent = str(slack.say("maria", "sre", "why?").ts)
    client.assistant_threads_setStatus(channel_id="C0SRE", thread_ts=parent, status="is looking at checkout …")
    client.assistant_threads_setTitle(channel_id="C0SRE", thread_ts=parent, title="Checkout")
    client.assistant_threads_setSuggestedPrompts(
        channel_id="C0SRE", thread_ts=parent, prompts=[{"title": "t", "message": "m"}]
    )
    thread = slack.server.workspace.threads["C0SRE", parent]
    assert (thread["status"], thread["title"]) == ("is looking at checkout …", "Checkout")
    client.chat_postMessage(channel="C0SRE", thread_ts=parent, text="Found it")
    assert slack.server.workspace.threads["C0SRE", parent]["status"] == ""
    error = refused(lambda: client.assistant_threads_setStatus(channel_id="C0SRE", thread_ts="1.1", status="x"))[
        "error"
    ]
    assert error == "thread_not_found"


def test_home_is_published_and_a_stale_hash_refused(slack: SlackThread, client: WebClient) -> None:
    home = {"type": "home", "blocks": [BLOCK]}
    first = client.views_publish(user_id="U0MARIA", view=home)["view"]
    client.views_publish(user_id="U0MARIA", view=home, hash=first["hash"])
    assert (
        refused(lambda: client.views_publish(user_id="U0MARIA", view=home, hash=first["hash"]))["error"]
        == "hash_conflict"
    )
    assert slack.server.workspace.homes["U0MARIA"].id == first["id"]


def test_faults_happen_once_and_are_no_breach(slack: SlackThread, client: WebClient) -> None:
    slack.server.fail_next("chat.postMessage", "internal_error")
    slack.server.fail_next("chat.postMessage", "ratelimited", retry_after_s=7)
    assert refused(lambda: client.chat_postMessage(channel="C0SRE", text="x"))["error"] == "internal_error"
    assert refused(lambda: client.chat_postMessage(channel="C0SRE", text="x")).headers["retry-after"] == "7"
    client.chat_postMessage(channel="C0SRE", text="x")
    assert slack.server.breaches == []


def test_a_lost_answer_leaves_the_message_posted(slack: SlackThread, client: WebClient) -> None:
    slack.server.lose_next("chat.postMessage")
    with pytest.raises((OSError, SlackApiError)) as caught:
        client.chat_postMessage(channel="C0SRE", text="x")
    caught.value.__traceback__ = None
    assert [m.text for m in slack.messages("sre")] == ["x"]


def test_the_feed_tells_everything_in_order(slack: SlackThread, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0SRE", text="open")["ts"]
    client.chat_update(channel="C0SRE", ts=ts, text="closed")
    client.reactions_add(channel="C0SRE", timestamp=ts, name="eyes")
    changes = slack.server.workspace.feed.since()
    assert [c.kind for c in changes] == ["message_posted", "message_edited", "reaction_added"]
    assert [c.seq for c in changes] == [1, 2, 3]
    assert [c.data["text"] for c in changes] == ["open", "closed", "closed"]
    assert slack.server.workspace.feed.since(2) == changes[2:]


def test_a_manifest_decides_what_the_app_may() -> None:
    app = App.from_manifest(
        {
            "features": {
                "slash_commands": [{"command": "/sre"}],
                "shortcuts": [
                    {"callback_id": "investigate", "type": "message", "name": "Look"},
                    {"callback_id": "ask"},
                ],
                "app_home": {"home_tab_enabled": False},
                "agent_view": {"suggested_prompts": [{"title": "What is open?", "message": "status"}]},
            },
            "oauth_config": {"scopes": {"bot": ["chat:write"]}},
            "settings": {"event_subscriptions": {"bot_events": ["app_mention", "message.im"]}},
        }
    )
    assert app == App(
        frozenset({"chat:write"}),
        frozenset({"app_mention", "message.im"}),
        frozenset({"/sre"}),
        frozenset({"investigate", "ask"}),
        menu=(("investigate", "Look"),),
        has_home=False,
        prompts=(("What is open?", "status"),),
    )
    assert app.hears({"type": "message", "channel_type": "im"})
    assert not app.hears({"type": "message", "channel_type": "channel"})
    assert app.scopes < EVERY_SCOPE


def test_an_update_names_its_channel_by_id(client: WebClient) -> None:
    ts = client.chat_postMessage(channel="#sre", text="open")["ts"]
    assert refused(lambda: client.chat_update(channel="#sre", ts=ts, text="x"))["error"] == "channel_not_found"


def test_bodies_that_are_no_arguments(slack: SlackThread) -> None:
    def error(body: bytes) -> str:
        request = urllib.request.Request(f"{slack.server.url}auth.test", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            return str(json.load(response)["error"])

    assert error(b"{") == "invalid_json"
    assert error(b"[]") == "json_not_object"


def test_a_session_of_an_agent(slack: SlackThread, client: WebClient) -> None:
    parent = str(slack.say("maria", "sre", "why?").ts)
    client.agents_sessions_setStatus(channel_id="C0SRE", thread_ts=parent, status="processing")
    assert slack.server.workspace.threads["C0SRE", parent]["session"] == "processing"
    error = refused(lambda: client.agents_sessions_setStatus(channel_id="C0SRE", thread_ts=parent, status="busy"))[
        "error"
    ]
    assert error == "invalid_arguments"


def test_an_uploaded_file_is_served(slack: SlackThread, client: WebClient) -> None:
    client.files_upload_v2(channel="C0SRE", filename="5xx.png", content=b"png")
    file = slack.messages("sre")[0].files[0]
    with urllib.request.urlopen(file["url_private"]) as response:
        assert (response.read(), response.headers["Content-Type"]) == (b"png", "image/png")
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{slack.server.origin}/files/F404")
    assert missing.value.code == 404
    missing.value.close()


def test_waiting_in_vain_shows_the_channels(slack: SlackThread, client: WebClient) -> None:
    client.chat_postMessage(channel="C0SRE", text="Nothing yet")
    with pytest.raises(TimeoutError, match="Nothing yet"):
        slack.wait_for(lambda: None, timeout_s=0.05)


def test_people_are_held_to_the_manifest_and_to_their_channels() -> None:
    app = App(commands=frozenset({"/sre"}), shortcuts=frozenset({"investigate"}))
    with run_in_thread(SlackServer(app=app)) as slack:
        assert slack.command("maria", "sre", "/other").error == "invalid_command"
        assert slack.mention("maria", "general", "hello").error == "not_in_channel"
        assert slack.say("maria", "general", "hello").error is None
        slack.server.workspace.channel("general").members.remove("U0JONAS")
        assert slack.say("jonas", "general", "hello").error == "not_in_channel"
        assert [m.text for m in slack.ephemerals("maria")] == [
            "/other is not a valid command.",
            "You mentioned @sre, who is not in this channel.",
        ]
        with pytest.raises(LookupError, match="no shortcut 'dance'"):
            slack.shortcut("maria", "dance")
        with pytest.raises(LookupError, match=r"no message 1\.1 in sre"):
            slack.say("maria", "sre", "hello", "1.1")
        with pytest.raises(LookupError, match="no user 'zoe'"):
            slack.say("zoe", "sre", "hello")
        with pytest.raises(LookupError, match="no channel 'lost'"):
            slack.say("maria", "lost", "hello")


def test_a_canvas_is_made_and_shared_with_a_channel_or_people(slack: SlackThread, client: WebClient) -> None:
    content = {"type": "markdown", "markdown": "# What was"}
    canvas = client.canvases_create(title="Postmortem", document_content=content)["canvas_id"]
    client.canvases_access_set(canvas_id=canvas, access_level="write", channel_ids=["C0SRE"])
    held = slack.server.workspace.canvases[canvas]
    assert (held.title, held.markdown, held.channels, held.users) == (
        "Postmortem",
        "# What was",
        {"C0SRE": "write"},
        {},
    )
    client.canvases_access_set(canvas_id=canvas, access_level="read", user_ids=["U0LI"])
    assert held.users == {"U0LI": "read"}


def test_what_canvases_refuse(slack: SlackThread, client: WebClient) -> None:
    def error(call: Callable[[], Any]) -> str:
        return str(refused(call)["error"])

    canvas = client.canvases_create(title="Postmortem")["canvas_id"]
    level = {"canvas_id": canvas, "access_level": "write"}
    both = {**level, "channel_ids": ["C0SRE"], "user_ids": ["U0LI"]}
    assert error(lambda: client.canvases_access_set(**both)) == "invalid_parameters"
    assert error(lambda: client.canvases_access_set(**level)) == "invalid_parameters"
    assert error(lambda: client.canvases_access_set(**{**level, "canvas_id": "F0NONE"}, channel_ids=["C0SRE"])) == (
        "canvas_not_found"
    )
    assert error(lambda: client.canvases_create(document_content={"type": "html", "html": "x"})) == "invalid_arguments"
    slack.server.workspace.canvases_off = "canvas_disabled_user_team"
    assert error(lambda: client.canvases_create(title="x")) == "canvas_disabled_user_team"
