"""The sandbox's page in a browser: modals and their inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.page_desk import SMALL_MODAL, Desk, expect, message
from tests.live.page_samples import CARD, INPUTS, inputs_modal, option, plain

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

pytestmark = pytest.mark.live


def opened(at: Desk) -> Tab:
    ts = at.post("INC-42", CARD)
    tab = at.open()
    message(tab, ts).get_by_role("button", name="Details").click()
    tab.get_by_role("dialog", name="Reject INC-42").wait_for()
    return tab


def test_it_is_filled_in_corrected_and_sent(at: Desk) -> None:
    tab = opened(at)
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


def test_views_are_pushed_updated_and_closed(at: Desk) -> None:
    tab = opened(at)
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


def test_it_is_before_the_one_who_opened_it(at: Desk) -> None:
    tab = opened(at)
    other = at.open()
    expect(other.get_by_role("dialog", name="Reject INC-42")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(other.get_by_role("dialog")).to_have_count(0)


def test_every_input_can_be_filled_in(at: Desk) -> None:
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
    values = {block: value["a"] for block, value in at.payload("view_submission")["view"]["state"]["values"].items()}
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
