"""canvases.*: documents in Slack's markdown, made by the app and edited by people."""

from __future__ import annotations

from sandbox.slack.args import Args
from sandbox.slack.errors import ApiError
from sandbox.slack.methods.api import Api
from sandbox.slack.model import BOT_USER_ID, Canvas, Json

_MOST_CHARS = 1_048_576  # docs.slack.dev/reference/methods/canvases.create
_MOST_SHARED = 20
_LEVELS = ("read", "write", "owner")


def create(api: Api, args: Args) -> Json:
    """A standalone canvas, which only the app sees until access is set; a free team has none without a channel."""
    if api.workspace.canvases_off:
        raise ApiError(api.workspace.canvases_off)
    content = args.json("document_content")
    if content is not None and (not isinstance(content, dict) or content.get("type") != "markdown"):
        raise ApiError("invalid_arguments", ["must be a valid enum value [json-pointer:/document_content/type]"])
    markdown = str(content.get("markdown", "")) if content else ""
    if len(markdown) > _MOST_CHARS:
        raise ApiError("canvas_creation_failed")
    canvas = Canvas(api.workspace.new_id("F"), args.text("title"), markdown, BOT_USER_ID)
    api.workspace.canvases[canvas.id] = canvas
    return {"ok": True, "canvas_id": canvas.id}


def set_access(api: Api, args: Args) -> Json:
    """Who may read or edit a canvas: channels or people, never both at once."""
    canvas = api.workspace.canvases.get(args.needed("canvas_id"))
    if canvas is None:
        raise ApiError("canvas_not_found")
    level, channels, users = args.needed("access_level"), _ids(args, "channel_ids"), _ids(args, "user_ids")
    if level not in _LEVELS:
        raise ApiError("invalid_arguments", ["must be a valid enum value [json-pointer:/access_level]"])
    if bool(channels) == bool(users) or (level == "owner" and channels):
        raise ApiError("invalid_parameters")
    if len(channels or users) > _MOST_SHARED:
        raise ApiError("invalid_arguments", ["no more than 20 items allowed"])
    for channel in channels:
        canvas.channels[api.readable(channel).id] = level
    for user in users:
        canvas.users[api.user(user).id] = level
    return {"ok": True}


def _ids(args: Args, name: str) -> list[str]:
    """A list, JSON text, or text with commas."""
    value = args.value(name)
    found = args.json(name) if isinstance(value, str) and value.startswith("[") else args.names(name)
    return [str(each) for each in found or ()]
