"""conversations.*: channels, who is in them and what was said."""

from __future__ import annotations

import re

from sandbox.slack import events
from sandbox.slack.args import Args, page
from sandbox.slack.errors import ApiError
from sandbox.slack.methods.api import Api
from sandbox.slack.model import BOT_USER_ID, Channel, Json, Message

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_TOPIC_CHARS = 250
_KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def info(api: Api, args: Args) -> Json:
    return {"ok": True, "channel": api.channel(args.needed("channel")).as_json(BOT_USER_ID)}


def list_(api: Api, args: Args) -> Json:
    kinds = {_KINDS.get(kind.strip()) for kind in args.text("types", "public_channel").split(",")}
    found = [
        channel
        for channel in api.workspace.channels.values()
        if channel.kind in kinds
        and (channel.kind == "channel" or BOT_USER_ID in channel.members)
        and not (channel.is_archived and args.flag("exclude_archived"))
    ]
    some, more = page(found, args, 100)
    return {"ok": True, "channels": [channel.as_json(BOT_USER_ID) for channel in some], **more}


def members(api: Api, args: Args) -> Json:
    some, more = page(api.channel(args.needed("channel")).members, args, 100)
    return {"ok": True, "members": some, **more}


def history(api: Api, args: Args) -> Json:
    """Newest first; replies only when they were sent to the channel too."""
    channel = api.readable(args.needed("channel"))
    found = [m for m in _between(api.workspace.in_channel(channel.id), args) if not m.is_reply or m.broadcast]
    return _page_of(found[::-1], args, 100) | {"pin_count": len(api.workspace.pins.get(channel.id, []))}


def replies(api: Api, args: Args) -> Json:
    """The parent, then the replies, oldest first."""
    channel = api.readable(args.needed("channel"))
    asked = api.workspace.find(args.needed("ts"), channel.id)
    if asked is None:
        raise ApiError("thread_not_found")
    parent, *answers = api.workspace.thread(channel.id, asked.thread_ts or asked.ts)
    return _page_of([parent, *_between(answers, args)], args, 1000)


def _between(messages: list[Message], args: Args) -> list[Message]:
    oldest, latest = float(args.text("oldest") or 0), float(args.text("latest") or "inf")
    if args.flag("inclusive"):
        return [m for m in messages if oldest <= float(m.ts) <= latest]
    return [m for m in messages if oldest < float(m.ts) < latest]


def _page_of(messages: list[Message], args: Args, default: int) -> Json:
    some, more = page(messages, args, default, 999)
    with_metadata = args.flag("include_all_metadata")
    has_more = bool(more["response_metadata"]["next_cursor"])
    body = {"ok": True, "messages": [m.as_json(with_metadata) for m in some], "has_more": has_more}
    return body | (more if has_more else {})


def open_(api: Api, args: Args) -> Json:
    if args.text("channel"):
        channel = api.channel(args.text("channel"))
        return {"ok": True, "no_op": True, "already_open": True, "channel": {"id": channel.id}}
    users = [api.user(user).id for user in args.names("users")]
    if not users:
        raise ApiError("users_list_not_supplied")
    if len(users) == 1:
        return {"ok": True, "channel": {"id": api.workspace.im(BOT_USER_ID, users[0]).id}}
    channel = Channel(api.workspace.new_id("G"), "mpdm-" + "--".join(users), [*users, BOT_USER_ID], kind="mpim")
    return {"ok": True, "channel": {"id": api.workspace.create_channel(channel).id}}


def create(api: Api, args: Args) -> Json:
    name = args.needed("name")
    if not _NAME.fullmatch(name):
        raise ApiError("invalid_name_specials")
    if any(channel.name == name for channel in api.workspace.channels.values()):
        raise ApiError("name_taken")
    private = args.flag("is_private")
    channel = Channel(
        api.workspace.new_id("C"), name, [BOT_USER_ID], kind="group" if private else "channel", creator=BOT_USER_ID
    )
    return {"ok": True, "channel": api.workspace.create_channel(channel).as_json(BOT_USER_ID)}


def join(api: Api, args: Args) -> Json:
    channel = api.channel(args.needed("channel"))
    if channel.is_archived:
        raise ApiError("is_archived")
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    _add(api, channel, BOT_USER_ID, None)
    return {"ok": True, "channel": channel.as_json(BOT_USER_ID)}


def invite(api: Api, args: Args) -> Json:
    channel = api.readable(args.needed("channel"))
    users = [api.user(user).id for user in args.names("users")]
    if channel.is_archived:
        raise ApiError("is_archived")
    if not users:
        raise ApiError("no_user")
    if BOT_USER_ID in users:
        raise ApiError("cant_invite_self")
    if all(user in channel.members for user in users):
        raise ApiError("already_in_channel")
    if any(api.workspace.users[user].deleted for user in users):
        raise ApiError("user_is_deactivated" if len(users) == 1 else "cant_invite")
    for user in users:
        _add(api, channel, user, BOT_USER_ID)
    return {"ok": True, "channel": channel.as_json(BOT_USER_ID)}


def _add(api: Api, channel: Channel, user: str, inviter: str | None) -> None:
    if user not in channel.members:
        api.workspace.join(channel, user)
        api.emit(events.member_joined(channel, user, inviter, api.workspace.new_ts()))


def set_topic(api: Api, args: Args) -> Json:
    channel = api.readable(args.needed("channel"))
    if channel.is_archived:
        raise ApiError("is_archived")
    topic = args.needed("topic")
    if len(topic) > _TOPIC_CHARS:
        raise ApiError("too_long")
    channel.topic = topic
    return {"ok": True, "channel": channel.as_json(BOT_USER_ID)}


def archive(api: Api, args: Args) -> Json:
    channel = api.readable(args.needed("channel"))
    if channel.is_archived:
        raise ApiError("already_archived")
    channel.is_archived = True
    api.workspace.feed.add("channel_archived", channel.as_json(BOT_USER_ID), channel=channel.id, user=BOT_USER_ID)
    return {"ok": True}
