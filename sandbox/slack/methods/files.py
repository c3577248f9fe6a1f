"""files.*: the upload in three steps."""

from __future__ import annotations

import mimetypes

from sandbox.slack import events
from sandbox.slack.args import Args
from sandbox.slack.content import Content, read_blocks
from sandbox.slack.errors import ApiError
from sandbox.slack.methods.api import Api
from sandbox.slack.methods.chat import bot_message
from sandbox.slack.model import BOT_USER_ID, Json


def get_upload_url(api: Api, args: Args) -> Json:
    """Step one: where to send the bytes."""
    name, length = args.needed("filename"), args.number("length", 0)
    if length <= 0:
        raise ApiError("invalid_arguments", ["must be more than 0 [json-pointer:/length]"])
    file_id = api.workspace.new_id("F")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    api.workspace.files[file_id] = {
        "id": file_id,
        "name": name,
        "title": name,
        "alt_txt": args.text("alt_txt"),
        "mimetype": kind,
        "size": length,
        "user": BOT_USER_ID,
        "created": int(api.workspace.clock.now()),
        "url_private": f"{api.origin}/files/{file_id}",
    }
    return {"ok": True, "upload_url": f"{api.origin}/upload/{file_id}", "file_id": file_id}


def complete_upload(api: Api, args: Args) -> Json:
    """Step three: name the files and share them."""
    asked = args.json("files")
    if not isinstance(asked, list) or not asked:
        raise ApiError("invalid_arguments", ["missing required field: files"])
    shared = []
    for item in asked:
        file = api.workspace.files.get(str(item.get("id")))
        if file is None or file["id"] not in api.workspace.uploads:
            raise ApiError("file_not_found")
        file["title"] = item.get("title") or file["name"]
        shared.append(file)
    for where in args.names("channels") or args.names("channel_id"):
        channel = api.writable(where)
        content = Content(args.text("initial_comment"), read_blocks(args), [], None, ())
        thread_ts = api.thread(channel, args.text("thread_ts"), "files.completeUploadExternal")
        message = bot_message(api, channel, content, thread_ts)
        message.files, message.subtype = shared, "file_share"
        api.workspace.post(message)
        api.workspace.feed.add("file_shared", {"files": shared}, channel=channel.id, ts=message.ts, user=BOT_USER_ID)
        api.emit(events.message_posted(message, channel))
    return {"ok": True, "files": [{"id": file["id"], "title": file["title"]} for file in shared]}
