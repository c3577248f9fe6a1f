"""The sandbox's page in a browser: what clicking, choosing and reacting does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.page_desk import Desk, becomes, expect, message, writes
from tests.live.page_samples import CARD, MESSAGES, PLAN, option

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.live


def test_a_click_reaches_the_bot_which_edits_in_place(at: Desk) -> None:
    ts = at.post("INC-42", CARD)
    tab = at.open()
    message(tab, ts).get_by_role("button", name="Reject").click()
    pressed = at.payload("block_actions")
    assert (pressed["user"]["id"], pressed["actions"][0]["action_id"]) == ("U0MARIA", "reject")
    at.client.chat_update(channel="C0SRE", ts=ts, text="Rejected by <@U0MARIA>.", blocks=[])
    expect(message(tab, ts)).to_contain_text("Rejected by @maria.(edited)")
    assert tab.locator("#middle .message").count() == 1


def test_a_confirm_dialog_can_be_declined(at: Desk) -> None:
    ts = at.post("INC-42", CARD)
    tab = at.open()
    approve = message(tab, ts).get_by_role("button", name="Approve")
    approve.focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("dialog", name="Roll back?")).to_contain_text("This restarts 4 pods, one at a time.")
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_have_count(0)
    expect(approve).to_be_focused()
    assert at.heard == []
    approve.click()
    tab.get_by_role("button", name="Roll back").click()
    assert at.payload("block_actions")["actions"][0]["value"] == "A1"


def test_menus_are_used_by_keyboard(at: Desk) -> None:
    ts = at.post("INC-42", CARD)
    tab = at.open()
    more = message(tab, ts).locator(".button.overflow")
    more.focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("menuitem", name="Merge")).to_be_focused()
    tab.keyboard.press("ArrowDown")
    expect(tab.get_by_role("menuitem", name="Mute")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(more).to_be_focused()
    tab.keyboard.press("Enter")
    tab.keyboard.press("End")
    tab.keyboard.press("Enter")
    assert at.payload("block_actions")["actions"][0]["selected_option"]["value"] == "mute"


def test_every_control_reports_its_choice(at: Desk) -> None:
    at.answers = lambda p: (
        {"options": [option("KubePodCrashLooping", "crash")]} if p["type"] == "block_suggestion" else None
    )
    ts = at.post("Controls", MESSAGES["controls"])
    row = message(at.open(), ts)

    def chosen(field: str) -> object:
        at.payload("block_actions")
        action = at.heard.pop()["actions"][0]
        return action[field]["value"] if isinstance(action[field], dict) else action[field]

    row.get_by_label("A service").select_option("payments")
    assert chosen("selected_option") == "payments"
    row.get_by_label("Somebody").select_option("U0LI")
    assert chosen("selected_user") == "U0LI"
    row.get_by_label("A channel").select_option("C0SHOP")
    assert chosen("selected_channel") == "C0SHOP"
    row.locator("input[type=date]").fill("2026-12-01")
    assert chosen("selected_date") == "2026-12-01"
    row.locator("input[type=time]").fill("10:30")
    assert chosen("selected_time") == "10:30"
    row.locator("input[type=datetime-local]").fill("2026-12-01T10:30")
    assert isinstance(chosen("selected_date_time"), int)
    row.get_by_label("That").check()
    assert chosen("selected_option") == "that"
    row.get_by_label("Page").check()
    assert [o["value"] for o in chosen("selected_options")] == ["page"]  # type: ignore[attr-defined]
    row.get_by_role("button", name="Several").click()
    row.page.get_by_role("menuitemcheckbox", name="checkout").click()
    row.page.keyboard.press("Escape")
    assert [o["value"] for o in chosen("selected_options")] == ["checkout"]  # type: ignore[attr-defined]
    row.get_by_role("button", name="Right").click()
    assert chosen("value") == "right"
    row.get_by_role("button", name="Remove").click()
    assert chosen("action_id") == "remove"
    row.get_by_label("An alert").press_sequentially("k")
    expect(row.locator("datalist option")).to_have_count(1)
    at.heard.clear()
    row.get_by_label("An alert").fill("KubePodCrashLooping")
    row.get_by_label("An alert").press("Tab")
    assert chosen("selected_option") == "crash"


def test_a_message_is_investigated_from_its_menu(at: Desk) -> None:
    ts = str(at.slack.say("jonas", "#sre", "checkout is slow").ts)
    tab = at.open()
    message(tab, ts).hover()
    message(tab, ts).get_by_role("button", name="More actions").click()
    tab.get_by_role("menuitem", name="Investigate this").click()
    asked = at.payload("message_action")
    assert (asked["callback_id"], asked["message"]["text"]) == ("investigate_this", "checkout is slow")


def test_reactions_are_added_and_taken_back(at: Desk) -> None:
    ts = at.post("INC-42")
    row = message(at.open(), ts)
    row.hover()
    row.get_by_role("button", name="Add a reaction").click()
    row.page.get_by_label("Search emoji by name").fill("tada")
    row.page.get_by_role("button", name="tada", exact=True).click()
    mine = row.get_by_role("button", name="tada, 1, by maria")
    expect(mine).to_have_text("🎉1")
    mine.click()
    expect(mine).to_have_count(0)


def test_an_answer_for_one_is_seen_by_that_one(at: Desk) -> None:
    tab = at.open()
    writes(tab, "/sre status checkout")
    hint = tab.locator(".message.ephemeral")
    expect(hint).to_contain_text("Only visible to you")
    expect(hint).to_contain_text("You asked status checkout.")
    becomes(tab, "Jonas")
    expect(hint).to_have_count(0)
    becomes(tab, "Maria")
    hint.get_by_role("button", name="Dismiss").click()
    expect(hint).to_have_count(0)


def test_a_stream_grows_and_is_stopped(at: Desk) -> None:
    asked = str(at.slack.say("maria", "#sre", "why?").ts)
    to = {"recipient_user_id": "U0MARIA", "recipient_team_id": "T0SANDBOX"}
    ts = at.client.chat_startStream(channel="C0SRE", thread_ts=asked, markdown_text="It is ", **to)["ts"]
    tab = at.open()
    message(tab, asked).get_by_role("button", name="1 reply").click()
    row = message(tab, str(ts), "#thread")
    expect(row).to_contain_text("It is")
    at.client.chat_appendStream(channel="C0SRE", ts=ts, markdown_text="the **deploy**.")
    expect(row.locator(".markdown strong")).to_have_text("deploy")
    row.get_by_role("button", name="Stop").click()
    expect(row.get_by_role("button", name="Stop")).to_have_count(0)
    assert at.event("agent_session_stopped")["streaming_message_ts"] == [ts]


def test_what_the_bot_is_doing_is_said(at: Desk) -> None:
    asked = str(at.slack.say("maria", "#sre", "why?").ts)
    at.post("Looking", PLAN, thread_ts=asked)
    at.client.assistant_threads_setStatus(channel_id="C0SRE", thread_ts=asked, status="is reading logs …")
    tab = at.open()
    message(tab, asked).get_by_role("button", name="1 reply").click()
    expect(tab.locator("#thread .status")).to_have_text("sre is reading logs …")
    marks = tab.locator("#thread .plan .mark").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert marks == ["failed", "done", "running", "not begun", "failed"]


def test_a_canvas_opens_over_the_page_and_closes(at: Desk) -> None:
    text = "# Postmortem of INC-1\n\n**Draft, nobody has confirmed this.**\n\n- [ ] Mend it. [L1, [M1](https://k8s.test/x)]\n"
    made = at.client.canvases_create(title="Postmortem", document_content={"type": "markdown", "markdown": text})
    link = f"https://sandbox.slack.com/docs/T0SANDBOX/{made['canvas_id']}"
    ts = at.post(f"<{link}|the canvas>", [])
    tab = at.open()
    message(tab, ts).get_by_role("link", name="the canvas").click()
    shown = tab.get_by_role("dialog", name="Postmortem")
    expect(shown.get_by_role("heading", name="Postmortem of INC-1")).to_be_visible()
    expect(shown).to_contain_text("Draft, nobody has confirmed this.")
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_have_count(0)
