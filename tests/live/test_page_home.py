"""The real Home tab on the sandbox's page, in a browser: drawn, used, and kept true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
import yaml

from bot.web import Web
from core.command import Command
from core.digest_settings import DigestTime
from core.digest_times import digest_times
from core.incident import Incident
from core.page import OnCall, Person, Shift
from core.records import Records, open_records
from core.settings import Approvers, Autonomy, Channels, Config, Service, Settings
from sandbox.page import Page
from sandbox.slack import App, SlackServer, run_in_thread
from sandbox.slack.state import MARIA, ON_CALL
from tests.live.page_desk import Desk, becomes, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

pytestmark = pytest.mark.live

MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "manifest.yaml").read_text())
CONFIG = Config(
    services={"checkout": Service(pagerduty="PCHECK"), "search": Service(), "batch": Service()},
    approvers=Approvers(groups=(ON_CALL,)), autonomy=Autonomy(mode="assist"),
    channels=Channels(digests={"C0SRE": DigestTime(at="09:00", timezone="Europe/Berlin")}),
)  # fmt: skip


class Bot:
    """The real web process's servers, and a person at a browser before the Slack that it talks to."""

    def __init__(self, desk: Desk, records: Records) -> None:
        self.desk, self.records = desk, records

    def opens(self, width: int = 1280, scheme: str = "light") -> Tab:
        """The Home tab, opened by a person."""
        tab = self.desk.open(width, scheme)
        if width < 700:
            tab.get_by_role("button", name="Channels", exact=True).click()
        tab.locator("#left").get_by_role("button", name="sre APP").click()
        tab.get_by_role("tab", name="Home").click()
        expect(tab.locator(".home h3").first).to_have_text("My approvals")
        return tab


@pytest.fixture
def bot(browser: Browser, redis_data: Path, redis_client: redis.Redis) -> Iterator[Bot]:
    server = SlackServer(app=App.from_manifest(MANIFEST))
    Page(server).mount(server.web)
    with run_in_thread(server) as slack:
        settings = Settings(
            data_dir=redis_data, config=CONFIG, port=0, channel="C0SRE", slack_api_url=server.url,
            slack_bot_token=server.bot_token, slack_signing_secret=server.signing_secret,  # type: ignore[arg-type]
        )  # fmt: skip
        records = open_records(settings, redis_client)
        web = Web(records, host="127.0.0.1")
        web.start()
        server.request_url = f"http://127.0.0.1:{web.port}/slack/events"
        made = Bot(Desk(slack, browser), records)
        with closing(_Stopping(web)):
            yield made
            for context in browser.contexts:
                context.close()
        assert made.desk.complaints == []
        assert server.breaches == []


class _Stopping:
    def __init__(self, web: Web) -> None:
        self.close = web.stop


def a_night(bot: Bot) -> None:
    """What Maria has before her."""
    now = datetime.now(UTC)
    person = Person(id="P1", name="Maria", slack=MARIA)
    bot.records.pages.put_on_call([OnCall(service="checkout", now=(Shift(who=person),), read_at=now)])
    for number, over in enumerate(
        (
            {"service": "checkout", "severity": "SEV2", "state": "waiting", "command": Command(commander=MARIA),
             "title": "checkout answers 7.4 % of requests with 5xx", "headline": "Release 1.8.4 cannot start."},
            {"service": "search", "severity": "SEV4", "state": "watching", "title": "search is slow"},
        ), start=41,
    ):  # fmt: skip
        values = {"id": f"INC-{number}", "source": "slack", "opened_at": now - timedelta(minutes=number), **over}
        bot.records.incidents.save(Incident.model_validate(values))
    bot.records.homes.follow(MARIA, ["search"])


def test_services_are_followed_in_place(bot: Bot) -> None:
    a_night(bot)
    bot.records.homes.follow(MARIA, [])
    tab = bot.opens()
    home = tab.locator(".home")
    expect(home).to_contain_text("INC-41 checkout answers 7.4 % of requests with 5xx · SEV2 · waiting for a person")
    expect(home).not_to_contain_text("INC-42")
    home.get_by_role("button", name="Choose services").click()
    tab.get_by_role("menuitemcheckbox", name="search").click()
    tab.keyboard.press("Escape")
    expect(home).to_contain_text("INC-42 search is slow · SEV4 · watching whether it holds")
    assert bot.records.homes.follows(MARIA) == {"search"}


def test_the_mode_is_set_after_it_was_confirmed(bot: Bot) -> None:
    tab = bot.opens()
    home = tab.locator(".home")
    home.get_by_role("button", name="Set autonomous").click()
    expect(tab.get_by_role("dialog", name="Set mode autonomous?")).to_contain_text("I act alone inside the limits")
    tab.get_by_role("button", name="Leave it").click()
    assert bot.records.switches.find("mode") is None
    home.get_by_role("button", name="Set autonomous").click()
    tab.get_by_role("dialog").get_by_role("button", name="Set autonomous").click()
    expect(home.get_by_role("button", name="Set assist")).to_be_visible()
    assert bot.records.switches.find("mode") == "autonomous"


def test_whoever_is_not_entitled_sees_no_button(bot: Bot) -> None:
    tab = bot.opens()
    becomes(tab, "Jonas")
    home = tab.locator(".home")
    expect(home).to_contain_text("Those who may change it: @sre-oncall.")
    expect(home.get_by_role("button", name="Set autonomous")).to_have_count(0)
    expect(home.get_by_role("button", name="Change the digest at 09:00")).to_have_count(0)
    expect(home).to_contain_text("#sre at 09:00, mon-fri, Europe/Berlin")


def test_a_digest_is_set_with_the_pickers(bot: Bot) -> None:
    tab = bot.opens()
    tab.get_by_role("button", name="Change the digest at 09:00").click()
    form = tab.get_by_role("dialog", name="Morning digest")
    form.get_by_label("At", exact=True).fill("07:45")
    form.get_by_label("Monday").uncheck()
    form.get_by_label("Time zone").fill("")
    form.get_by_label("Time zone").press_sequentially("toky")
    expect(form.locator("datalist option[value='Asia/Tokyo']")).to_have_count(1)
    form.get_by_label("Time zone").fill("Asia/Tokyo")
    form.get_by_label("Time zone").press("Tab")
    form.get_by_role("button", name="Save").click()
    expect(form).to_contain_text("#sre gets its digest at 07:45, tue-fri, Asia/Tokyo.")
    form.get_by_role("button", name="Close").last.click()
    expect(tab.locator(".home")).to_contain_text("#sre at 07:45, tue-fri, Asia/Tokyo")
    assert digest_times(bot.records)["C0SRE"] == DigestTime(at="07:45", days="tue-fri", timezone="Asia/Tokyo")


def test_a_channel_without_the_bot_is_refused_at_its_field(bot: Bot) -> None:
    tab = bot.opens()
    tab.get_by_role("button", name="Add a channel").click()
    form = tab.get_by_role("dialog", name="Morning digest")
    form.get_by_label("Channel").select_option("C0GENERAL")
    form.get_by_role("button", name="Save").click()
    expect(form.locator("[data-block=channel] .wrong")).to_have_text(
        "I am not in that channel; /invite me there first."
    )
    form.get_by_label("Channel").select_option("C0SHOP")
    form.get_by_role("button", name="Save").click()
    expect(form).to_contain_text("#shop gets its digest at 09:00, mon-fri, Europe/Berlin.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_readable_at_any_width(bot: Bot, width: int, scheme: str) -> None:
    a_night(bot)
    tab = bot.opens(width, scheme)
    bot.desk.picture(tab, f"home-{scheme}-{width}")
    tab.locator(".home").evaluate("home => home.scrollTo(0, home.scrollHeight)")
    bot.desk.picture(tab, f"home-end-{scheme}-{width}")
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.locator(".home").evaluate("home => home.scrollWidth <= home.clientWidth")
    tab.get_by_role("button", name="Change the digest at 09:00").click()
    tab.get_by_role("dialog", name="Morning digest").wait_for()
    bot.desk.picture(tab, f"home-digest-{scheme}-{width}")
