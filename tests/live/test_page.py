"""The sandbox's page in a browser: what it draws, what clicking does, and that text stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest

from sandbox.page import Page
from sandbox.ports import free_port
from sandbox.slack import SlackServer, SlackThread, run_in_thread
from tests.live.conftest import absent_so
from tests.live.page_desk import SMALL_MODAL, Desk, chromium, desk, option
from tests.live.page_samples import (
    ATTACK,
    CARD,
    INPUTS,
    MESSAGES,
    MRKDWN,
    PLAN,
    inputs_modal,
    mrkdwn,
    plain,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator
    from playwright.sync_api import Page as Tab

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        absent_so("there is no Chromium: apt-get install chromium, or name the program in SRE_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def at(browser: Browser) -> Iterator[Desk]:
    """A desk; whatever the console complained of fails the test."""
    with desk(browser) as made:
        yield made
        assert made.complaints == []


def expect(locator: Locator) -> object:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def message(tab: Tab, ts: str, where: str = "#middle") -> Locator:
    return tab.locator(f'{where} [data-ts="{ts}"]')


def writes(tab: Tab, text: str, where: str = "#middle") -> None:
    """Type into the composer as a person does, and send."""
    tab.locator(f"{where} textarea").click()
    tab.keyboard.type(text)
    tab.keyboard.press("Enter")


def becomes(tab: Tab, name: str) -> None:
    tab.locator(".identity").click()
    tab.get_by_role("menuitem", name=name).click()


class TestDrawing:
    def test_every_block_is_drawn(self, at: Desk) -> None:
        shown = {name: at.post(f"Sample {name}", blocks) for name, blocks in MESSAGES.items()}
        tab = at.open()
        for name, ts in shown.items():
            row = message(tab, ts)
            kinds = [block["type"] for block in MESSAGES[name]]
            assert row.locator(".content > .block").evaluate_all("all => all.map(one => one.classList[1])") == kinds
            assert "cannot be shown" not in row.inner_text()
            assert "This page cannot" not in row.inner_text()
            assert not re.search(r":[a-z_]+:|&amp;|&lt;|undefined|\[object|NaN", row.inner_text()), row.inner_text()

    def test_a_card_reads_as_in_slack(self, at: Desk) -> None:
        ts = at.post("INC-42", CARD)
        row = message(at.open(), ts)
        expect(row.locator("h3")).to_have_text("🔴 INC-42: checkout answers 7.4 % of requests with 5xx")
        expect(row.locator(".context")).to_contain_text("R&D <shop> ⏳ 14:32 left")
        expect(row.locator(".fields")).to_contain_text("@maria, @sre-oncall")
        expect(row.locator(".fields")).to_contain_text("3 firing in #shop")
        expect(row.locator("time[datetime='2026-09-21T14:13:20.000Z']")).to_have_count(1)
        assert [b.inner_text() for b in row.locator(".actions .button").all()] == ["Approve", "Reject", "Details"]

    def test_markup_is_drawn_and_entities_are_decoded_once(self, at: Desk) -> None:
        row = message(at.open(), at.post(MRKDWN))
        found = {tag: row.locator(f".text {tag}").all_inner_texts() for tag in ("strong", "em", "s", "code", "pre")}
        assert found == {
            "strong": ["bold"],
            "em": ["italic"],
            "s": ["gone"],
            "code": ["code"],
            "pre": ["fenced *not bold*"],
        }
        expect(row.locator("blockquote")).to_have_text("quoted")
        expect(row).to_contain_text("🔥 10:30:45 R&D &amp; a_b bad")
        assert row.locator("a").evaluate_all("all => all.map(a => [a.textContent, a.getAttribute('href'), a.rel])") == [
            ["a_b", "https://example.com/a_b", "noopener noreferrer"]
        ]

    def test_text_never_becomes_markup(self, at: Desk) -> None:
        hostile = [ATTACK, "&lt;b&gt;x&lt;/b&gt;", "<javascript:alert(1)|click>", "[x](javascript:alert(1))"]
        at.slack.say("maria", "#sre", ATTACK)
        for text in hostile:
            at.post(text, [{"type": "markdown", "text": text}, {"type": "section", "text": mrkdwn(text)}])
            at.post(text, [{"type": "header", "text": plain(text)}, {"type": "context", "elements": [mrkdwn(text)]}])
        at.post("fields", attachments=[{"title": ATTACK, "title_link": "javascript:alert(1)", "text": ATTACK}])
        for blocks in MESSAGES.values():
            at.post(ATTACK, blocks)
        tab = at.open()
        expect(message(tab, str(at.slack.messages("sre")[0].ts))).to_contain_text(ATTACK)
        assert tab.locator("script:not([src]), img[onerror], #middle b b").count() == 0
        links = tab.locator("#middle a").evaluate_all("all => all.map(a => new URL(a.href).protocol)")
        assert set(links) <= {"https:", "http:", "mailto:"}
        assert tab.evaluate("document.querySelectorAll('[onclick], [onerror], [style*=url]').length") == 0

    def test_the_browser_is_told_to_run_nothing_else(self, at: Desk) -> None:
        tab = at.open()
        ran = tab.evaluate("""() => {
            const script = document.createElement("script");
            try { script.text = "window.ran = true"; } catch (error) { return error.name; }
            document.body.append(script);
            return String(window.ran);
        }""")
        assert ran in ("TypeError", "undefined")
        at.complaints.clear()  # the browser says that it refused

    def test_a_picture_of_the_bots_own_is_shown_and_no_other_is_fetched(self, at: Desk) -> None:
        picture = bytes.fromhex("89504e470d0a1a0a") + b"\0" * 8
        at.client.files_upload_v2(channel="C0SRE", filename="5xx.png", content=picture, title="5xx of checkout")
        ts = at.post("Pictures", MESSAGES["pictures"])
        uploaded = at.slack.messages("sre")[0].files[0]["id"]
        own = {"type": "image", "slack_file": {"id": uploaded}, "alt_text": "5xx again"}
        at.post("By its id", [own])
        tab = at.open()
        expect(tab.get_by_role("img", name="5xx again")).to_have_attribute(
            "src", f"{at.server.origin}/files/{uploaded}"
        )
        expect(tab.get_by_role("img", name="5xx of checkout")).to_have_attribute("src", re.compile(at.server.origin))
        expect(message(tab, ts)).to_contain_text("a picture on example.com, which this page does not fetch")

    def test_a_chosen_date_is_shown_by_the_readers_clock(self, at: Desk) -> None:
        ts = at.post("<!date^1790000000^at {time}|then> and <!date^nonsense^{time}|a fallback>")
        row = message(at.open(timezone_id="Asia/Tokyo", locale="en-GB"), ts)
        expect(row).to_contain_text("at 23:13 and a fallback")


class TestActing:
    def test_a_click_reaches_the_bot_which_edits_in_place(self, at: Desk) -> None:
        ts = at.post("INC-42", CARD)
        tab = at.open()
        message(tab, ts).get_by_role("button", name="Reject").click()
        pressed = at.payload("block_actions")
        assert (pressed["user"]["id"], pressed["actions"][0]["action_id"]) == ("U0MARIA", "reject")
        at.client.chat_update(channel="C0SRE", ts=ts, text="Rejected by <@U0MARIA>.", blocks=[])
        expect(message(tab, ts)).to_contain_text("Rejected by @maria.(edited)")
        assert tab.locator("#middle .message").count() == 1

    def test_a_confirm_dialog_can_be_declined(self, at: Desk) -> None:
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

    def test_menus_are_used_by_keyboard(self, at: Desk) -> None:
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

    def test_every_control_reports_its_choice(self, at: Desk) -> None:
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

    def test_a_message_is_investigated_from_its_menu(self, at: Desk) -> None:
        ts = str(at.slack.say("jonas", "#sre", "checkout is slow").ts)
        tab = at.open()
        message(tab, ts).hover()
        message(tab, ts).get_by_role("button", name="More actions").click()
        tab.get_by_role("menuitem", name="Investigate this").click()
        asked = at.payload("message_action")
        assert (asked["callback_id"], asked["message"]["text"]) == ("investigate_this", "checkout is slow")

    def test_reactions_are_added_and_taken_back(self, at: Desk) -> None:
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

    def test_an_answer_for_one_is_seen_by_that_one(self, at: Desk) -> None:
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

    def test_a_stream_grows_and_is_stopped(self, at: Desk) -> None:
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

    def test_what_the_bot_is_doing_is_said(self, at: Desk) -> None:
        asked = str(at.slack.say("maria", "#sre", "why?").ts)
        at.post("Looking", PLAN, thread_ts=asked)
        at.client.assistant_threads_setStatus(channel_id="C0SRE", thread_ts=asked, status="is reading logs …")
        tab = at.open()
        message(tab, asked).get_by_role("button", name="1 reply").click()
        expect(tab.locator("#thread .status")).to_have_text("sre is reading logs …")
        marks = tab.locator("#thread .plan .mark").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
        assert marks == ["failed", "done", "running", "not begun", "failed"]


class TestPlaces:
    def test_a_thread_is_followed_and_answered(self, at: Desk) -> None:
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

    def test_a_long_thread_is_read_from_its_beginning_and_then_from_its_end(self, at: Desk) -> None:
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

    def test_a_command_in_a_thread_is_refused_as_slack_does(self, at: Desk) -> None:
        ts = at.post("INC-42")
        tab = at.open()
        message(tab, ts).hover()
        message(tab, ts).get_by_role("button", name="Reply in thread").click()
        writes(tab, "/sre status", "#thread")
        expect(tab.locator("#thread .ephemeral")).to_contain_text("/sre is not supported in threads. Sorry!")

    def test_a_link_to_a_message_opens_its_thread_here(self, at: Desk) -> None:
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

    def test_what_is_unread_is_marked(self, at: Desk) -> None:
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

    def test_one_can_be_somebody_else_and_is_told_what_each_may(self, at: Desk) -> None:
        tab = at.open()
        expect(tab.locator(".you")).to_contain_text("may approve")
        becomes(tab, "Jonas")
        expect(tab.locator(".you")).to_contain_text("may not approve")
        writes(tab, "hello from jonas")
        expect(tab.locator("#middle .message")).to_contain_text("Jonas Berg")
        tab.reload()
        expect(tab.locator(".you")).to_contain_text("Jonas Berg")

    def test_what_is_begun_is_completed(self, at: Desk) -> None:
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

    def test_direct_messages_and_home(self, at: Desk) -> None:
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

    def test_a_broken_rule_is_told_with_its_name(self, at: Desk) -> None:
        tab = at.open()
        with pytest.raises(Exception, match="invalid_blocks"):
            at.client.chat_postMessage(channel="C0SRE", text="x", blocks=[{"type": "header", "text": plain("x" * 151)}])
        tab.get_by_role("button", name="Broke 1 of Slack’s rules").click()
        panel = tab.get_by_role("dialog", name="Slack’s rules")
        expect(panel).to_contain_text("invalid_blocks in chat.postMessage")
        expect(panel).to_contain_text("151 characters")

    def test_where_one_cannot_write_it_says_why(self, at: Desk) -> None:
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

    def test_new_messages_are_announced(self, at: Desk) -> None:
        tab = at.open()
        at.post("*INC-42* opened for <@U0LI>")
        expect(tab.locator("#announcer")).to_have_text("sre: INC-42 opened for @li")


class TestModals:
    def opened(self, at: Desk) -> Tab:
        ts = at.post("INC-42", CARD)
        tab = at.open()
        message(tab, ts).get_by_role("button", name="Details").click()
        tab.get_by_role("dialog", name="Reject INC-42").wait_for()
        return tab

    def test_it_is_filled_in_corrected_and_sent(self, at: Desk) -> None:
        tab = self.opened(at)
        expect(tab.get_by_label("Why")).to_be_focused()
        tab.get_by_label("Pods").fill("9")
        tab.get_by_label("Mail").fill("nobody")
        tab.locator("dialog").get_by_role("button", name="Send").click()
        expect(tab.locator("[data-block=pods] .wrong")).to_have_text("Enter 5 or less.")
        expect(tab.locator("[data-block=mail] .wrong")).to_have_text("Enter a valid email address.")
        tab.get_by_label("Pods").fill("3")
        tab.get_by_label("Mail").fill("")
        tab.locator("dialog").get_by_role("button", name="Send").click()
        expect(tab.locator("[data-block=why] .wrong")).to_have_text("Complete this required field.")
        tab.get_by_label("Why").fill("no")
        at.answers = lambda p: {"response_action": "errors", "errors": {"why": "Say a little more."}}
        tab.locator("dialog").get_by_role("button", name="Send").click()
        expect(tab.locator("[data-block=why] .wrong")).to_have_text("Say a little more.")
        expect(tab.get_by_label("Pods")).to_have_value("3")
        at.answers = lambda p: None
        tab.get_by_label("Why").fill("Not before the release is out")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("dialog")).to_have_count(0)
        values = at.payload("view_submission")["view"]["state"]["values"]
        assert (values["why"]["a"]["value"], values["pods"]["a"]["value"]) == ("Not before the release is out", "3")
        expect(tab.get_by_role("button", name="Details")).to_be_focused()

    def test_views_are_pushed_updated_and_closed(self, at: Desk) -> None:
        tab = self.opened(at)
        at.answers = lambda p: {"response_action": "push", "view": SMALL_MODAL}
        tab.get_by_label("Why").fill("because")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("dialog", name="Thank you")).to_contain_text("It is noted.")
        tab.get_by_role("button", name="Done").click()
        expect(tab.get_by_role("dialog", name="Reject INC-42")).to_be_visible()
        expect(tab.get_by_label("Why")).to_have_value("because")
        view = at.payload("view_submission")["view"]["id"]
        at.client.views_update(view_id=view, view=inputs_modal("why", "long") | {"title": plain("Still here")})
        expect(tab.get_by_role("dialog", name="Still here")).to_be_visible()
        expect(tab.get_by_label("Why")).to_have_value("because")
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("dialog")).to_have_count(0)

    def test_it_is_before_the_one_who_opened_it(self, at: Desk) -> None:
        tab = self.opened(at)
        other = at.open()
        expect(other.get_by_role("dialog", name="Reject INC-42")).to_be_visible()
        tab.keyboard.press("Escape")
        expect(other.get_by_role("dialog")).to_have_count(0)

    def test_every_input_can_be_filled_in(self, at: Desk) -> None:
        at.answers = lambda p: {"options": [option("Crash", "crash")]} if p["type"] == "block_suggestion" else None
        at.slack.command("maria", "#sre", "/sre", "x")
        trigger = at.slack.wait_for(lambda: at.heard and at.heard[-1]["trigger_id"])
        at.client.views_open(trigger_id=trigger, view=inputs_modal())
        tab = at.open()
        form = tab.locator("dialog form")
        typed = {"why": "w", "long": "l\nm", "mail": "a@b.ch", "link": "https://b.ch", "pods": "2", "rich": "r",
                 "day": "2026-12-01", "hour": "10:30", "moment": "2026-12-01T10:30"}  # fmt: skip
        for name, value in typed.items():
            form.get_by_label(name.capitalize()).fill(value)
        form.get_by_label("Service").select_option("payments")
        for name, item in {"several": "checkout", "who": "Li Wei", "where": "#sre", "channels": "#shop"}.items():
            form.locator(f"[data-block={name}] button").click()
            tab.get_by_role("menuitemcheckbox", name=item).click()
            tab.keyboard.press("Escape")
        form.locator("[data-block=one]").get_by_label("payments").check()
        form.locator("[data-block=some]").get_by_label("checkout").check()
        form.locator("[data-block=files] input").set_input_files(
            {"name": "a.txt", "mimeType": "text/plain", "buffer": b"hi"}
        )
        expect(form.locator("[data-block=files] .chip")).to_have_text("a.txt")
        form.get_by_label("Alert").fill("Crash")
        expect(form.locator("datalist option")).to_have_count(1)
        form.get_by_label("Alert").press("Tab")
        form.get_by_role("button", name="Send").click()
        expect(tab.get_by_role("dialog")).to_have_count(0)
        values = {
            block: value["a"] for block, value in at.payload("view_submission")["view"]["state"]["values"].items()
        }
        assert set(values) == {name for name, _ in INPUTS}
        plainly = {name: values[name].get("value") for name in ("why", "long", "mail", "link", "pods")}
        assert plainly == {name: typed[name] for name in plainly}
        assert values["rich"]["rich_text_value"]["elements"][0]["elements"] == [{"type": "text", "text": "r"}]
        assert (values["day"]["selected_date"], values["hour"]["selected_time"]) == ("2026-12-01", "10:30")
        assert isinstance(values["moment"]["selected_date_time"], int)
        assert values["service"]["selected_option"]["value"] == "payments"
        assert [o["value"] for o in values["several"]["selected_options"]] == ["checkout"]
        assert (values["who"]["selected_users"], values["where"]["selected_conversations"]) == (["U0LI"], ["C0SRE"])
        assert values["channels"]["selected_channels"] == ["C0SHOP"]
        assert values["one"]["selected_option"]["value"] == "payments"
        assert [o["value"] for o in values["some"]["selected_options"]] == ["checkout"]
        assert [f["name"] for f in values["files"]["files"]] == ["a.txt"]
        assert values["alert"]["selected_option"]["value"] == "crash"


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


class TestLooks:
    def test_a_narrow_screen_shows_one_column_with_a_way_back(self, at: Desk) -> None:
        ts = at.post("INC-42", CARD)
        at.post("Evidence", thread_ts=ts)
        tab = at.open(width=400)
        expect(tab.locator("#left")).to_be_hidden()
        message(tab, ts).get_by_role("button", name="1 reply").click()
        expect(tab.locator("#middle")).to_be_hidden()
        tab.get_by_role("button", name="Back to the channel", exact=True).click()
        expect(tab.locator("#middle")).to_be_visible()
        tab.get_by_role("button", name="Back to the channels").click()
        tab.locator("[data-key=C0SHOP]").click()
        expect(tab.locator("#middle h2")).to_have_text("#shop")
        assert tab.evaluate("document.documentElement.scrollWidth") == 400

    @pytest.mark.parametrize("width", [1280, 400])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_nothing_overlaps_or_runs_out_of_its_column(self, at: Desk, width: int, scheme: str) -> None:
        first = ""
        for name, blocks in MESSAGES.items():
            first = first or at.post(name, blocks)
            at.post(f"In the thread: {name}", blocks, thread_ts=first)
            at.post(name, blocks)
        tab = at.open(width, scheme)
        at.picture(tab, f"channel-{scheme}-{width}")
        message(tab, first).locator(".footer").click()
        expect(tab.locator("#thread .message").last).to_be_visible()
        at.picture(tab, f"thread-{scheme}-{width}")
        too_wide = """all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.className)"""
        assert tab.locator("#thread .scroll, #thread .message, #thread .body").evaluate_all(too_wide) == []
        tab.locator("#thread .scroll").evaluate("box => box.scrollTop = 0")
        at.picture(tab, f"thread-top-{scheme}-{width}")
        assert tab.evaluate("document.documentElement.scrollWidth") == width
