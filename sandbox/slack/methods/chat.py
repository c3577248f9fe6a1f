"""chat.*: messages, except the streamed ones."""

from __future__ import annotations

from sandbox.slack import events
from sandbox.slack.args import Args
from sandbox.slack.content import Content, read_content
from sandbox.slack.errors import ApiError
from sandbox.slack.methods.api import Api, with_warnings
from sandbox.slack.model import BOT_ID, BOT_USER_ID, TEAM_DOMAIN, Channel, Json, Message

_SCHEDULE_AHEAD_S = 120 * 86_400


def bot_message(api: Api, channel: Channel, content: Content, thread_ts: str | None = None) -> Message:
    """A message by the bot, not yet posted."""
    return Message(
        channel.id, api.workspace.new_ts(), BOT_USER_ID, content.text, content.blocks, thread_ts,
        attachments=content.attachments, bot_id=BOT_ID, metadata=content.metadata,
    )  # fmt: skip


def show_files(api: Api, content: Content) -> None:
    """Pictures by id must be files that were uploaded. Raises: ApiError."""
    for number, block in enumerate(content.blocks):
        held = block.get("slack_file") or {}
        if block["type"] == "image" and held.get("id") and held["id"] not in api.workspace.uploads:
            raise ApiError("invalid_blocks", [f"invalid slack file [json-pointer:/blocks/{number}/slack_file]"])


def post_message(api: Api, args: Args) -> Json:
    channel = api.postable(args.needed("channel"))
    content = read_content(args)
    show_files(api, content)
    message = bot_message(api, channel, content, api.thread(channel, args.text("thread_ts"), "chat.postMessage"))
    message.broadcast = message.is_reply and args.flag("reply_broadcast")
    message.subtype = "thread_broadcast" if message.broadcast else None
    api.workspace.post(message)
    api.emit(events.message_posted(message, channel))
    body = {"ok": True, "channel": channel.id, "ts": message.ts, "message": message.as_json(with_metadata=True)}
    return with_warnings(api, body, content, "chat.postMessage")


def post_ephemeral(api: Api, args: Args) -> Json:
    channel = api.postable(args.needed("channel"))
    user = api.user(args.needed("user"))
    if user.id not in channel.members:
        raise ApiError("user_not_in_channel")
    content = read_content(args)
    message = bot_message(api, channel, content, api.thread(channel, args.text("thread_ts"), "chat.postEphemeral"))
    message.seen_by = user.id
    api.workspace.show(message)
    return with_warnings(api, {"ok": True, "message_ts": message.ts}, content, "chat.postEphemeral")


def update(api: Api, args: Args) -> Json:
    """Text without blocks takes the blocks away; blocks without text keep the text."""
    channel = api.writable(args.needed("channel"))
    message = api.message(channel, args.needed("ts"))
    if message.bot_id != BOT_ID:
        raise ApiError("cant_update_message")
    if message.stream and message.stream.state == "open":
        raise ApiError("streaming_state_conflict")
    content = read_content(args, update=True)
    show_files(api, content)
    before = message.as_json()
    message.text = content.text or message.text
    message.blocks = content.blocks
    if args.has("attachments"):
        message.attachments = content.attachments
    if args.has("metadata"):
        message.metadata = content.metadata
    api.workspace.edit(message)
    api.emit(events.message_changed(message, before, channel))
    body = {
        "ok": True,
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": message.as_json(with_metadata=True),
    }
    return with_warnings(api, body, content, "chat.update")


def delete(api: Api, args: Args) -> Json:
    channel = api.writable(args.needed("channel"))
    message = api.message(channel, args.needed("ts"))
    if message.bot_id != BOT_ID:
        raise ApiError("cant_delete_message")
    before = message.as_json()
    api.workspace.delete(message)
    api.emit(events.message_deleted(message, before, channel))
    return {"ok": True, "channel": channel.id, "ts": message.ts}


def get_permalink(api: Api, args: Args) -> Json:
    channel = api.channel(args.needed("channel"))
    message = api.message(channel, args.needed("message_ts"))
    link = f"https://{TEAM_DOMAIN}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"ok": True, "channel": channel.id, "permalink": link}


def schedule_message(api: Api, args: Args) -> Json:
    channel = api.postable(args.needed("channel"))
    content = read_content(args)
    post_at, now = args.number("post_at", 0), api.workspace.clock.now()
    if post_at <= now:
        raise ApiError("time_in_past")
    if post_at > now + _SCHEDULE_AHEAD_S:
        raise ApiError("time_too_far")
    thread_ts = api.thread(channel, args.text("thread_ts"), "chat.scheduleMessage")

    def post() -> None:
        message = bot_message(api, channel, content, thread_ts)
        api.workspace.post(message)
        api.emit(events.message_posted(message, channel))

    api.timers.at(post_at, post)
    preview = {"type": "delayed_message", "subtype": "bot_message", "bot_id": BOT_ID, "text": content.text}
    body = {
        "ok": True,
        "channel": channel.id,
        "scheduled_message_id": api.workspace.new_id("Q"),
        "post_at": post_at,
        "message": preview | ({"blocks": content.blocks} if content.blocks else {}),
    }
    return with_warnings(api, body, content, "chat.scheduleMessage")
