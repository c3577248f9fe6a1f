"""The sandbox's page in a browser: channels, threads, direct messages, identities, what is unread."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest

from sandbox.page import Page
from sandbox.ports import free_port
from sandbox.slack import SlackServer, SlackThread, run_in_thread
from tests.live.page_desk import Desk, becomes, expect, message, writes
from tests.live.page_samples import CARD, MESSAGES, plain

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.live


def test_a_thread_is_followed_and_answered(at: Desk) -> None:
    ts = at.post("INC-42", CARD)
    at.post("Evidence", thread_ts=ts)
    tab = at.open()
    row = message(tab, ts)
    row.get_by_role("button", name="1 reply").click()
    at.post("A cause", thread_ts=ts)
    expect(tab.locator("#thread .message")).to_have_count(3)
    expect(row.locator(".footer")).to_contain_text("2 repliesLast reply")
    writes(tab, "thank you", "#thread")
    expect(tab.locator("#thread .message").last).to_contain_text("thank you")
    expect(row.locator(".footer")).to_contain_text("3 replies")
    assert at.slack.thread(ts)[-1].user == "U0MARIA"
    tab.keyboard.press("Escape")
    expect(tab.locator("#thread")).to_be_hidden()
    expect(row).to_be_focused()


def test_a_long_thread_is_read_from_its_beginning_and_then_from_its_end(at: Desk) -> None:
    ts = at.post("INC-42", CARD)
    for name, blocks in MESSAGES.items():
        at.post(name, blocks, thread_ts=ts)
    tab = at.open()
    message(tab, ts).locator(".footer").click()
    expect(message(tab, ts, "#thread")).to_be_in_viewport()
    newer = tab.locator("#thread").get_by_role("button", name="Newer messages")
    expect(newer).to_be_visible()
    at.post("The end", thread_ts=ts)
    last = tab.locator("#thread .message").last
    expect(last).to_contain_text("The end")
    expect(last).not_to_be_in_viewport()
    newer.click()
    expect(last).to_be_in_viewport()
    expect(newer).to_be_hidden()
    tab.locator("#thread .scroll").evaluate("box => box.scrollTop = 0")
    writes(tab, "thanks", "#thread")
    expect(last).to_contain_text("thanks")
    expect(last).to_be_in_viewport()


def test_a_command_in_a_thread_is_refused_as_slack_does(at: Desk) -> None:
    ts = at.post("INC-42")
    tab = at.open()
    message(tab, ts).hover()
    message(tab, ts).get_by_role("button", name="Reply in thread").click()
    writes(tab, "/sre status", "#thread")
    expect(tab.locator("#thread .ephemeral")).to_contain_text("/sre is not supported in threads. Sorry!")


def test_a_link_to_a_message_opens_its_thread_here(at: Desk) -> None:
    ts = at.post("INC-42")
    url = at.client.chat_getPermalink(channel="C0SRE", message_ts=ts)["permalink"]
    open_thread = {"type": "button", "text": plain("Open thread"), "action_id": "open", "url": url}
    card = at.post("Card", [{"type": "actions", "elements": [open_thread]}], channel="C0SHOP")
    tab = at.open()
    tab.get_by_role("button", name="shop").click()
    message(tab, card).get_by_role("link", name="Open thread").click()
    expect(message(tab, ts, "#thread")).to_be_visible()
    expect(tab.locator("#middle h2")).to_have_text("#sre")
    assert at.payload("block_actions")["actions"][0]["action_id"] == "open"


def test_what_is_unread_is_marked(at: Desk) -> None:
    at.post("Old", channel="C0SHOP")
    tab = at.open()
    shop = tab.locator("[data-key=C0SHOP]")
    expect(shop).to_have_accessible_name("shop unread")
    shop.click()
    expect(tab.locator("#middle h2")).to_have_text("#shop")
    tab.locator("[data-key=C0SRE]").click()
    expect(shop).to_have_accessible_name("shop")
    at.post("For <@U0MARIA>", channel="C0SHOP")
    expect(shop).to_have_accessible_name("shop 1 for you")
    shop.click()
    expect(tab.locator("#middle .rule.new")).to_have_text("New")
    expect(shop).to_have_accessible_name("shop")
    becomes(tab, "Jonas")
    tab.locator("[data-key=C0SRE]").click()
    expect(shop).to_have_accessible_name("shop")


def test_one_can_be_somebody_else_and_is_told_what_each_may(at: Desk) -> None:
    tab = at.open()
    expect(tab.locator(".you")).to_contain_text("may approve")
    becomes(tab, "Jonas")
    expect(tab.locator(".you")).to_contain_text("may not approve")
    writes(tab, "hello from jonas")
    expect(tab.locator("#middle .message")).to_contain_text("Jonas Berg")
    tab.reload()
    expect(tab.locator(".you")).to_contain_text("Jonas Berg")


def test_what_is_begun_is_completed(at: Desk) -> None:
    tab = at.open()
    field = tab.locator("#middle textarea")
    field.press_sequentially("/sre st")
    expect(tab.get_by_role("option")).to_contain_text(["/sre status [service]"])
    field.press("Enter")
    expect(field).to_have_value("/sre status ")
    field.fill("")
    field.press_sequentially("@s")
    expect(tab.get_by_role("option").first).to_contain_text("@sre")
    field.press("ArrowDown")
    field.press("Tab")
    expect(field).to_have_value("@sre-oncall ")
    field.press_sequentially("look :tad")
    field.press("Enter")
    field.press("Enter")
    expect(tab.locator("#middle .message")).to_contain_text("@sre-oncall look 🎉")


def test_direct_messages_and_home(at: Desk) -> None:
    tab = at.open()
    tab.locator("[data-key=U0SREBOT]").click()
    expect(tab.locator(".intro")).to_contain_text("Ask it what is open, or what is wrong")
    tab.get_by_role("button", name="What is open?").click()
    expect(tab.locator("#middle .message")).to_contain_text("status")
    assert at.event("message")["channel_type"] == "im"
    tab.get_by_role("tab", name="Home").click()
    expect(tab.locator(".home")).to_contain_text("The bot has put nothing on its Home tab.")
    assert at.event("app_home_opened")["user"] == "U0MARIA"
    at.client.views_publish(user_id="U0MARIA", view={"type": "home", "blocks": CARD})
    tab.get_by_role("tabpanel").get_by_role("button", name="Reject").click()
    assert at.payload("block_actions")["container"]["type"] == "view"


def test_a_broken_rule_is_told_with_its_name(at: Desk) -> None:
    tab = at.open()
    with pytest.raises(Exception, match="invalid_blocks"):
        at.client.chat_postMessage(channel="C0SRE", text="x", blocks=[{"type": "header", "text": plain("x" * 151)}])
    tab.get_by_role("button", name="Broke 1 of Slack’s rules").click()
    panel = tab.get_by_role("dialog", name="Slack’s rules")
    expect(panel).to_contain_text("invalid_blocks in chat.postMessage")
    expect(panel).to_contain_text("151 characters")


def test_where_one_cannot_write_it_says_why(at: Desk) -> None:
    tab = at.open()
    made = at.client.conversations_create(name="inc-42")["channel"]["id"]
    at.client.conversations_invite(channel=made, users="U0MARIA")
    tab.locator(f"[data-key={made}]").click()
    expect(tab.locator("#middle textarea")).to_be_visible()
    becomes(tab, "Jonas")
    expect(tab.locator(".closed")).to_have_text("jonas is not in this channel, and so can only read it.")
    at.client.conversations_archive(channel=made)
    expect(tab.locator(".closed")).to_contain_text("This channel is archived")
    expect(tab.locator("#middle textarea")).to_be_hidden()


def test_new_messages_are_announced(at: Desk) -> None:
    tab = at.open()
    at.post("*INC-42* opened for <@U0LI>")
    expect(tab.locator("#announcer")).to_have_text("sre: INC-42 opened for @li")


def test_a_sandbox_that_was_started_again_is_found_again(browser: Browser) -> None:
    port = free_port()

    def running() -> AbstractContextManager[SlackThread]:
        server = SlackServer(port=port)
        Page(server).mount(server.web)
        return run_in_thread(server)

    with running() as first:
        first.say("maria", "#sre", "of the first")
        tab = browser.new_context().new_page()
        tab.goto(first.server.origin)
        expect(tab.locator("#middle .message")).to_contain_text("of the first")
    expect(tab.locator("#connection")).to_have_text("Not connected to the sandbox; trying again …")
    with running() as second:
        second.say("maria", "#sre", "of the second")
        expect(tab.locator("#middle .message")).to_contain_text("of the second")
        expect(tab.locator("#middle .message")).to_have_count(1)
        expect(tab.locator("#connection")).to_be_empty()
        tab.context.close()
