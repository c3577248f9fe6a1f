"""The sandbox's page in a browser: what it draws, how it looks, and that text stays text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.live.page_desk import Desk, expect, message
from tests.live.page_samples import ATTACK, CARD, MESSAGES, MRKDWN, mrkdwn, plain

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.live


def test_every_block_is_drawn(at: Desk) -> None:
    shown = {name: at.post(f"Sample {name}", blocks) for name, blocks in MESSAGES.items()}
    tab = at.open()
    for name, ts in shown.items():
        row = message(tab, ts)
        kinds = [block["type"] for block in MESSAGES[name]]
        assert row.locator(".content > .block").evaluate_all("all => all.map(one => one.classList[1])") == kinds
        assert "cannot be shown" not in row.inner_text()
        assert "This page cannot" not in row.inner_text()
        assert not re.search(r":[a-z_]+:|&amp;|&lt;|undefined|\[object|NaN", row.inner_text()), row.inner_text()


def test_a_card_reads_as_in_slack(at: Desk) -> None:
    ts = at.post("INC-42", CARD)
    row = message(at.open(), ts)
    expect(row.locator("h3")).to_have_text("🔴 INC-42: checkout answers 7.4 % of requests with 5xx")
    expect(row.locator(".context")).to_contain_text("R&D <shop> ⏳ 14:32 left")
    expect(row.locator(".fields")).to_contain_text("@maria, @sre-oncall")
    expect(row.locator(".fields")).to_contain_text("3 firing in #shop")
    expect(row.locator("time[datetime='2026-09-21T14:13:20.000Z']")).to_have_count(1)
    assert [b.inner_text() for b in row.locator(".actions .button").all()] == ["Approve", "Reject", "Details"]


def test_markup_is_drawn_and_entities_are_decoded_once(at: Desk) -> None:
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


def test_text_never_becomes_markup(at: Desk) -> None:
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


def test_the_browser_is_told_to_run_nothing_else(at: Desk) -> None:
    tab = at.open()
    ran = tab.evaluate("""() => {
        const script = document.createElement("script");
        try { script.text = "window.ran = true"; } catch (error) { return error.name; }
        document.body.append(script);
        return String(window.ran);
    }""")
    assert ran in ("TypeError", "undefined")
    at.complaints.clear()  # the browser says that it refused


def test_a_picture_of_the_bots_own_is_shown_and_no_other_is_fetched(at: Desk) -> None:
    picture = bytes.fromhex("89504e470d0a1a0a") + b"\0" * 8
    at.client.files_upload_v2(channel="C0SRE", filename="5xx.png", content=picture, title="5xx of checkout")
    ts = at.post("Pictures", MESSAGES["pictures"])
    uploaded = at.slack.messages("sre")[0].files[0]["id"]
    own = {"type": "image", "slack_file": {"id": uploaded}, "alt_text": "5xx again"}
    at.post("By its id", [own])
    tab = at.open()
    expect(tab.get_by_role("img", name="5xx again")).to_have_attribute("src", f"{at.server.origin}/files/{uploaded}")
    expect(tab.get_by_role("img", name="5xx of checkout")).to_have_attribute("src", re.compile(at.server.origin))
    expect(message(tab, ts)).to_contain_text("a picture on example.com, which this page does not fetch")


def test_a_chosen_date_is_shown_by_the_readers_clock(at: Desk) -> None:
    ts = at.post("<!date^1790000000^at {time}|then> and <!date^nonsense^{time}|a fallback>")
    row = message(at.open(timezone_id="Asia/Tokyo", locale="en-GB"), ts)
    expect(row).to_contain_text("at 23:13 and a fallback")


def test_a_narrow_screen_shows_one_column_with_a_way_back(at: Desk) -> None:
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
def test_nothing_overlaps_or_runs_out_of_its_column(at: Desk, width: int, scheme: str) -> None:
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
