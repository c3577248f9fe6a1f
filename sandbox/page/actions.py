"""What a person does on the page, handed to the pretend Slack."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from sandbox.slack import ApiError, Outcome, SlackServer
from sandbox.slack.args import Args
from sandbox.slack.model import Json

_Act = Callable[[SlackServer, str, Args], Awaitable[Outcome]]


async def act(slack: SlackServer, body: bytes) -> Json:
    """Do what `{"do": "say", "as": "U0MARIA", …}` asks; what became of it.

    Raises: web.HTTPBadRequest with a sentence when it makes no sense, HTTPNotFound when its object is gone.
    """
    try:
        asked = orjson.loads(body)
        args = Args(asked)
        run, who = _ACTS[args.needed("do")], slack.workspace.user(args.needed("as"))
    except (orjson.JSONDecodeError, AttributeError, TypeError, KeyError, ApiError):
        raise web.HTTPBadRequest(text="The page asked for something that does not exist.") from None
    try:
        outcome = await run(slack, who.id, args)
    except ApiError as error:
        return {"ok": False, "error": error.error}
    except LookupError as error:
        raise web.HTTPNotFound(text=str(error.args[0])) from None
    return {"ok": outcome.error is None, "error": outcome.error, "ts": outcome.ts, "body": outcome.body}


async def _upload(slack: SlackServer, who: str, args: Args) -> Outcome:
    """Keep a file that is put into a modal; the body is what Slack reports of it."""
    try:
        content = base64.b64decode(args.needed("content"), validate=True)
    except binascii.Error:
        raise ApiError("invalid_arguments", ["content must be base64"]) from None
    workspace = slack.workspace
    file_id = workspace.new_id("F")
    workspace.uploads[file_id] = content
    workspace.files[file_id] = {
        "id": file_id,
        "name": args.needed("name"),
        "title": args.needed("name"),
        "mimetype": args.text("type") or "application/octet-stream",
        "size": len(content),
        "user": who,
        "created": int(workspace.clock.now()),
        "url_private": f"{slack.origin}/files/{file_id}",
    }
    return Outcome(acked=True, body=workspace.files[file_id])


_ACTS: dict[str, _Act] = {
    "say": lambda slack, who, a: slack.say(who, a.needed("channel"), a.needed("text"), a.text("thread_ts") or None),
    "command": lambda slack, who, a: slack.command(
        who, a.needed("channel"), a.needed("command"), a.text("text"), a.text("thread_ts") or None
    ),
    "click": lambda slack, who, a: slack.click(
        who,
        a.needed("where"),
        a.needed("action_id"),
        a.value("value"),
        block_id=a.text("block_id") or None,
        values=a.value("values"),
    ),
    "suggest": lambda slack, who, a: slack.suggest(
        who, a.needed("where"), a.needed("action_id"), a.text("value"), block_id=a.text("block_id") or None
    ),
    "upload": _upload,
    "shortcut": lambda slack, who, a: slack.shortcut(who, a.needed("callback_id"), a.text("ts") or None),
    "submit": lambda slack, who, a: slack.submit_view(who, a.value("values") or {}),
    "close": lambda slack, who, a: slack.close_view(who),
    "react": lambda slack, who, a: slack.react(who, a.needed("ts"), a.needed("name")),
    "unreact": lambda slack, who, a: slack.unreact(who, a.needed("ts"), a.needed("name")),
    "home": lambda slack, who, a: slack.open_home(who, a.text("tab") or "home"),
    "stop": lambda slack, who, a: slack.stop_stream(who, a.needed("ts")),
}
