"""A person at a browser, a workspace before them, and a small bot in it that answers as a test says."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from slack_sdk import WebClient

from sandbox.page import Page
from sandbox.slack import App, SlackServer, SlackThread, run_in_thread
from tests.live.page_samples import inputs_modal, mrkdwn, plain

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator
    from playwright.sync_api import Page as Tab

Json = dict[str, Any]
PICTURES = Path(__file__).parents[2] / ".screenshots"
SMALL_MODAL = {
    "type": "modal", "callback_id": "small", "title": plain("Thank you"), "close": plain("Done"),
    "blocks": [{"type": "section", "text": mrkdwn("It is noted.")}],
}  # fmt: skip


def chromium() -> str | None:
    """Where a Chromium is installed: the program that SRE_CHROMIUM names, or one on the path."""
    return os.environ.get("SRE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


class Desk:
    """The workspace, the bot's client, and what the bot heard."""

    def __init__(self, slack: SlackThread, browser: Browser) -> None:
        self.slack, self.browser = slack, browser
        self.server = slack.server
        self.client = WebClient(token=self.server.bot_token, base_url=self.server.url)
        self.heard: list[Json] = []
        self.complaints: list[str] = []  # of the browser's console
        self.answers: Callable[[Json], Json | None] = lambda payload: None  # to an interaction

    def post(self, text: str, blocks: list[Json] | None = None, channel: str = "C0SRE", **more: Any) -> str:
        """Post as the bot; the ts. Time passes, so that no limit is met."""
        self.server.clock.advance(1.1)
        return str(self.client.chat_postMessage(channel=channel, text=text, blocks=blocks, **more)["ts"])

    def hear(self, payload: Json) -> Json:
        """Note what the bot is told; what it acknowledges with. The button "details" opens a modal."""
        actions = payload.get("actions") or [{}]
        if actions[0].get("action_id") == "details":
            self.client.views_open(trigger_id=payload["trigger_id"], view=inputs_modal("why", "mail", "pods"))
        self.heard.append(payload)
        if "command" in payload:
            return {"text": f"You asked {payload['text']}."}
        return {} if "event" in payload else self.answers(payload) or {}

    def payload(self, kind: str) -> Json:
        """The last payload of this type that the bot heard, once there is one."""
        return self.slack.wait_for(lambda: next((p for p in self.heard[::-1] if p.get("type") == kind), None))

    def event(self, kind: str) -> Json:
        """The last event of this type that the bot heard, once there is one."""

        def last() -> Json | None:
            events = [payload["event"] for payload in self.heard if "event" in payload]
            return next((event for event in events[::-1] if event["type"] == kind), None)

        return self.slack.wait_for(last)

    def open(self, width: int = 1280, scheme: Any = "light", **more: Any) -> Tab:
        """A new browser window on the page, with nothing kept from others."""
        tab = self.browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, **more).new_page()
        tab.set_default_timeout(5000)
        tab.on("console", self._on_console)
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("dialog", self._on_dialog)
        tab.goto(self.server.origin)
        tab.locator("#middle textarea").wait_for()
        return tab

    def _on_console(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def _on_dialog(self, asked: Dialog) -> None:
        self.complaints.append(f"dialog: {asked.message}")
        asked.dismiss()

    def picture(self, tab: Tab, name: str) -> None:
        """Keep how it looks, for a person to see."""
        PICTURES.mkdir(exist_ok=True)
        tab.screenshot(path=PICTURES / f"{name}.png")


class Listener(BaseHTTPRequestHandler):
    """Where Slack delivers to the bot."""

    hear: Callable[[Json], Json]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers["Content-Type"] == "application/json":
            payload = json.loads(body)
        else:
            form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
            payload = json.loads(form["payload"]) if "payload" in form else form
        answer = json.dumps(self.hear(payload)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def desk(browser: Browser) -> Iterator[Desk]:
    """A workspace as new, with the bot listening."""
    server = SlackServer(app=App(prompts=(("What is open?", "status"),)))
    Page(server).mount(server.web)
    with run_in_thread(server) as slack:
        made = Desk(slack, browser)
        listener = type("Bot", (Listener,), {"hear": staticmethod(made.hear)})
        bot = ThreadingHTTPServer(("127.0.0.1", 0), listener)
        running = threading.Thread(target=bot.serve_forever, kwargs={"poll_interval": 0.01})
        running.start()
        server.request_url = f"http://127.0.0.1:{bot.server_port}"
        yield made
        for context in browser.contexts:
            context.close()
        bot.shutdown()
        running.join()
        bot.server_close()


def expect(locator: Locator) -> Any:
    """What must become true of a part of the page, within the time that Playwright gives it."""
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
