"""A person at a browser, a workspace before them, and a small bot in it that answers as a test says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slack_sdk import WebClient
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from sandbox.page import Page
from sandbox.slack import SlackServer, SlackThread, run_in_thread
from tests.live.page_samples import inputs_modal, mrkdwn, option, plain

if TYPE_CHECKING:
    from playwright.sync_api import Browser
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
        self.heard: list[SocketModeRequest] = []
        self.complaints: list[str] = []  # of the browser's console
        self.answers: Callable[[Json], Json | None] = lambda payload: None  # to an interaction

    def post(self, text: str, blocks: list[Json] | None = None, channel: str = "C0SRE", **more: Any) -> str:
        """Post as the bot; the ts. Time passes, so that no limit is met."""
        self.server.clock.advance(1.1)
        return str(self.client.chat_postMessage(channel=channel, text=text, blocks=blocks, **more)["ts"])

    def hear(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """Acknowledge with what the test wants, open the modal that a button is named after, and note it."""
        body = {"text": f"You asked {request.payload['text']}."} if request.type == "slash_commands" else None
        body = body or (self.answers(request.payload) if request.type == "interactive" else None)
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=body))
        actions = request.payload.get("actions") or [{}]
        if actions[0].get("action_id") == "details":
            self.client.views_open(trigger_id=request.payload["trigger_id"], view=inputs_modal("why", "mail", "pods"))
        self.heard.append(request)

    def payload(self, kind: str) -> Json:
        """The last payload of this type that the bot heard, once there is one."""

        def last() -> Json | None:
            return next((r.payload for r in self.heard[::-1] if r.payload.get("type", r.type) == kind), None)

        return self.slack.wait_for(last)

    def open(self, width: int = 1280, scheme: Any = "light", **more: Any) -> Tab:
        """A new browser window on the page, with nothing kept from others."""
        tab = self.browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, **more).new_page()
        tab.set_default_timeout(5000)
        tab.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
        tab.goto(self.server.origin)
        tab.locator("#middle textarea").wait_for()
        return tab

    def picture(self, tab: Tab, name: str) -> None:
        """Keep how it looks, for a person to see."""
        PICTURES.mkdir(exist_ok=True)
        tab.screenshot(path=PICTURES / f"{name}.png")


@contextmanager
def desk(browser: Browser) -> Iterator[Desk]:
    """A workspace as new, with the bot connected by Socket Mode."""
    server = SlackServer()
    Page(server).mount(server.web)
    with run_in_thread(server) as slack:
        made = Desk(slack, browser)
        socket = SocketModeClient(app_token=server.app_token, web_client=made.client)
        socket.socket_mode_request_listeners.append(made.hear)
        socket.connect()
        slack.wait_for(lambda: server.connections == 1)
        yield made
        for context in browser.contexts:
            context.close()
        socket.close()


__all__ = ["SMALL_MODAL", "Desk", "chromium", "desk", "option"]
