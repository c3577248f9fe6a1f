"""What is attached to messages, channels and threads: reactions, pins, bookmarks, what an assistant is doing."""

from __future__ import annotations

import re

from sandbox.slack import events
from sandbox.slack.args import Args
from sandbox.slack.errors import ApiError
from sandbox.slack.methods.api import Api
from sandbox.slack.model import BOT_USER_ID, Json, Message
from sandbox.slack.state import Workspace

_EMOJI = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")
_SESSION_STATUS = ("processing", "active", "suspended", "closed")


def react(workspace: Workspace, message: Message, user: str, name: str) -> None:
    """Add a reaction. Raises ApiError."""
    if not _EMOJI.fullmatch(name):
        raise ApiError("invalid_name")
    users = message.reactions.setdefault(name, [])
    if user in users:
        raise ApiError("already_reacted")
    users.append(user)
    workspace.changed("reaction_added", message)


def unreact(workspace: Workspace, message: Message, user: str, name: str) -> None:
    """Take a reaction back. Raises ApiError."""
    if user not in message.reactions.get(name, []):
        raise ApiError("no_reaction")
    message.reactions[name].remove(user)
    if not message.reactions[name]:
        del message.reactions[name]
    workspace.changed("reaction_removed", message)


def reactions_add(api: Api, args: Args) -> Json:
    channel = api.writable(args.needed("channel"))
    message, name = api.message(channel, args.needed("timestamp")), args.needed("name").strip(":")
    react(api.workspace, message, BOT_USER_ID, name)
    api.emit(events.reaction("reaction_added", message, BOT_USER_ID, name, api.workspace.new_ts()))
    return {"ok": True}


def reactions_remove(api: Api, args: Args) -> Json:
    channel = api.writable(args.needed("channel"))
    message, name = api.message(channel, args.needed("timestamp")), args.needed("name").strip(":")
    unreact(api.workspace, message, BOT_USER_ID, name)
    api.emit(events.reaction("reaction_removed", message, BOT_USER_ID, name, api.workspace.new_ts()))
    return {"ok": True}


def reactions_get(api: Api, args: Args) -> Json:
    channel = api.readable(args.needed("channel"))
    message = api.message(channel, args.needed("timestamp"))
    return {"ok": True, "type": "message", "channel": channel.id, "message": message.as_json()}


def pins_add(api: Api, args: Args) -> Json:
    channel = api.writable(args.needed("channel"))
    message = api.message(channel, args.needed("timestamp"))
    pins = api.workspace.pins.setdefault(channel.id, [])
    if message.ts in pins:
        raise ApiError("already_pinned")
    pins.append(message.ts)
    api.workspace.changed("pin_added", message)
    return {"ok": True}


def bookmarks_add(api: Api, args: Args) -> Json:
    channel = api.writable(args.needed("channel_id"))
    bookmark: Json = {
        "id": api.workspace.new_id("Bk"),
        "channel_id": channel.id,
        "title": args.needed("title"),
        "type": args.needed("type"),
        "link": args.text("link"),
        "emoji": args.text("emoji"),
    }
    if bookmark["type"] == "link" and not bookmark["link"]:
        raise ApiError("invalid_link")
    api.workspace.bookmarks.setdefault(channel.id, []).append(bookmark)
    api.workspace.feed.add("bookmark_added", bookmark, channel=channel.id, user=BOT_USER_ID)
    return {"ok": True, "bookmark": bookmark}


def set_status(api: Api, args: Args) -> Json:
    """assistant.threads.setStatus: "is looking at checkout …"; an empty status clears it."""
    return _set(api, args, "status", args.text("status"))


def set_title(api: Api, args: Args) -> Json:
    return _set(api, args, "title", args.needed("title"))


def set_suggested_prompts(api: Api, args: Args) -> Json:
    prompts = args.json("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
        raise ApiError("invalid_arguments", ["must be 1 to 4 prompts [json-pointer:/prompts]"])
    if not all(isinstance(p, dict) and p.get("title") and p.get("message") for p in prompts):
        raise ApiError("invalid_arguments", ["missing required field: title or message [json-pointer:/prompts]"])
    return _set(api, args, "prompts", prompts)


def set_session_status(api: Api, args: Args) -> Json:
    """agents.sessions.setStatus: while it is "processing" people have a Stop button."""
    if args.needed("status") not in _SESSION_STATUS:
        raise ApiError("invalid_arguments", ["must be a valid enum value [json-pointer:/status]"])
    return _set(api, args, "session", args.text("status"))


def _set(api: Api, args: Args, what: str, value: object) -> Json:
    channel = api.writable(args.needed("channel_id"))
    thread_ts = args.text("thread_ts")
    if thread_ts and api.workspace.find(thread_ts, channel.id) is None:
        raise ApiError("thread_not_found")
    api.workspace.set_thread(channel.id, thread_ts, what, value)
    return {"ok": True}
