"""The page's routes on the pretend Slack's own server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
from aiohttp import web

from blocks.replies import COMMANDS
from sandbox.page.actions import act
from sandbox.page.guard import guard, harden
from sandbox.page.people import directory
from sandbox.page.stream import Stream
from sandbox.slack import SlackServer

_STATIC = Path(__file__).parent / "static"


class Page:
    """Slack's client on the web.

    Args:
        slack: The workspace that it shows and in which its people act.
        parts: Further modules that the page starts, each `static/NAME.js` exporting `start(root, api)` with the
            element of that id as its root: "world", "guide".
    """

    def __init__(self, slack: SlackServer, parts: Sequence[str] = ()) -> None:
        self._slack = slack
        self._parts = tuple(parts)
        self._stream = Stream(slack.workspace)

    def mount(self, app: web.Application) -> None:
        """Add the routes and their guard; before the server starts."""
        app.middlewares.append(guard)
        app.on_response_prepare.append(harden)
        app.on_shutdown.append(self._stream.close)
        app.router.add_get("/", self._index)
        app.router.add_static("/static/", _STATIC)
        app.router.add_get("/page/workspace", self._workspace)
        app.router.add_get("/page/canvas/{id}", self._canvas)
        app.router.add_get("/page/events", self._stream.serve)
        app.router.add_post("/page/act", self._act)

    def publish(self, topic: str, value: object) -> None:
        """Tell the page the new value of a topic; its parts hear it by `api.on(topic, …)`. Any JSON value."""
        self._stream.publish(topic, value)

    async def _index(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(_STATIC / "index.html")

    async def _workspace(self, _request: web.Request) -> web.Response:
        commands = [{"word": row.name, "args": row.arguments, "does": row.does} for row in COMMANDS]
        app = {
            "commands": commands,
            "shortcuts": [{"id": callback_id, "name": name} for callback_id, name in self._slack.app.menu],
            "home": self._slack.app.has_home,
            "prompts": [{"title": title, "message": message} for title, message in self._slack.app.prompts],
        }
        return _json(directory(self._slack.workspace) | app | {"parts": self._parts})

    async def _canvas(self, request: web.Request) -> web.Response:
        canvas = self._slack.workspace.canvases.get(request.match_info["id"])
        if canvas is None:
            raise web.HTTPNotFound(text="There is no such canvas.")
        return _json({"title": canvas.title, "markdown": canvas.markdown})

    async def _act(self, request: web.Request) -> web.Response:
        return _json(await act(self._slack, await request.read()))


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
