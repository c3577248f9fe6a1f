"""What the bot says with an acknowledgement or through a response_url."""

from __future__ import annotations

from sandbox.slack import events
from sandbox.slack.args import Args
from sandbox.slack.content import read_content
from sandbox.slack.errors import ApiError
from sandbox.slack.grants import ResponseUrl
from sandbox.slack.methods.api import Api, with_warnings
from sandbox.slack.methods.chat import bot_message
from sandbox.slack.model import Json, Message


def answer(api: Api, grant: ResponseUrl, body: Json, where: str) -> None:
    """Replace or delete the message that the interaction came from, or say something new. Raises ApiError."""
    args = Args(body)
    channel = api.workspace.channels[grant.channel]
    source = _source(api, grant)
    if args.flag("delete_original"):
        if source is None:
            raise ApiError("message_not_found")
        before = source.as_json()
        api.workspace.delete(source)
        if source.seen_by is None:
            api.emit(events.message_deleted(source, before, channel))
        return
    content = read_content(args)
    with_warnings(api, {}, content, where)
    if args.flag("replace_original") and source:
        before = source.as_json()
        source.text, source.blocks, source.attachments = content.text, content.blocks, content.attachments
        api.workspace.edit(source)
        if source.seen_by is None:
            api.emit(events.message_changed(source, before, channel))
        return
    message = bot_message(api, channel, content, args.text("thread_ts") or grant.thread_ts)
    if args.text("response_type") == "in_channel":
        api.workspace.post(message)
        api.emit(events.message_posted(message, channel))
    else:
        message.seen_by = grant.user
        api.workspace.show(message)


def _source(api: Api, grant: ResponseUrl) -> Message | None:
    if grant.source_ts is None:
        return None
    return api.workspace.ephemerals.get(grant.source_ts) or api.workspace.find(grant.source_ts, grant.channel)
