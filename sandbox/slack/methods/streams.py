"""chat.startStream, appendStream, stopStream: a message that is written while people watch.

A stream is a sequence of chunks: text, tasks and the title of their plan, blocks. Slack seals it after about five
minutes; tasks that are then still open are shown as failed.
"""

from __future__ import annotations

from typing import Literal

from sandbox.slack import elements as e
from sandbox.slack import events
from sandbox.slack.args import Args
from sandbox.slack.blocks import TEXT_TOTAL, check_blocks
from sandbox.slack.content import Content, read_blocks, read_metadata
from sandbox.slack.errors import ApiError
from sandbox.slack.limits import MARKDOWN_MAX, STREAM_LIFETIME_S
from sandbox.slack.methods.api import Api
from sandbox.slack.methods.chat import bot_message
from sandbox.slack.model import BOT_ID, Channel, Json, Message, Stream
from sandbox.slack.schema import array, by_type, one_of

_TASKS_MAX = 50
_OPEN = ("pending", "in_progress")
_STATUS = one_of("pending", "in_progress", "complete", "error")
_CHUNKS = array(
    by_type(
        {
            "markdown_text": e.typed("markdown_text", {"text": e.ANY_TEXT}),
            "plan_update": e.typed("plan_update", {"title": e.ANY_TEXT}),
            "task_update": e.typed(
                "task_update",
                {"id": e.ID, "title": e.ANY_TEXT, "status": _STATUS},
                {"details": e.ANY_TEXT, "output": e.ANY_TEXT, "sources": array(e.SOURCE, 100, 0)},
            ),
            "blocks": e.typed("blocks", {"blocks": e.anything}),
        }
    ),
    100,
    0,
)


def start(api: Api, args: Args) -> Json:
    channel = api.writable(args.needed("channel"))
    thread_ts = api.thread(channel, args.needed("thread_ts"), "chat.startStream")
    if channel.kind != "im":
        for name in ("recipient_user_id", "recipient_team_id"):
            if not args.text(name):
                raise ApiError(f"missing_{name}")
        api.user(args.text("recipient_user_id"))
    mode = args.text("task_display_mode", "timeline")
    if mode not in ("timeline", "plan"):
        raise ApiError("invalid_arguments", ["must be a valid enum value [json-pointer:/task_display_mode]"])
    stream = Stream(api.workspace.clock.now(), "plan" if mode == "plan" else "timeline", args.text("recipient_user_id"))
    message = bot_message(api, channel, Content("", [], [], None, ()), thread_ts)
    message.stream = stream
    _take(stream, args)
    _draw(message, stream)
    api.workspace.post(message)
    api.emit(events.message_posted(message, channel))
    api.timers.at(stream.started_at + STREAM_LIFETIME_S, lambda: seal(api, message, "expired"))
    return {"ok": True, "channel": channel.id, "ts": message.ts}


def append(api: Api, args: Args) -> Json:
    channel, message, stream = _open_stream(api, args)
    if not _take(stream, args):
        raise ApiError("no_text")
    _redraw(api, message, stream)
    return {"ok": True, "channel": channel.id, "ts": message.ts}


def stop(api: Api, args: Args) -> Json:
    channel, message, stream = _open_stream(api, args)
    blocks = read_blocks(args)
    _take(stream, args)
    stream.blocks = stream.blocks + blocks
    message.metadata = read_metadata(args) or message.metadata
    for title in (task["title"] for task in stream.tasks.values() if task["status"] in _OPEN):
        api.workspace.breach("task_left_open", f"{title!r} was open when its stream ended.", "chat.stopStream")
    seal(api, message, "stopped")
    return {"ok": True, "channel": channel.id, "ts": message.ts, "message": message.as_json(with_metadata=True)}


def seal(api: Api, message: Message, state: Literal["stopped", "expired", "stopped_by_user"]) -> None:
    """End a stream that is still open. What was running then is shown as failed."""
    stream = message.stream
    if stream is None or stream.state != "open":
        return
    stream.state = state
    stream.tasks = {
        task_id: task | {"status": "error" if task["status"] in _OPEN else task["status"]}
        for task_id, task in stream.tasks.items()
    }
    _redraw(api, message, stream)


def _open_stream(api: Api, args: Args) -> tuple[Channel, Message, Stream]:
    channel = api.writable(args.needed("channel"))
    message = api.message(channel, args.needed("ts"))
    if message.bot_id != BOT_ID:
        raise ApiError("message_not_owned_by_app")
    if message.stream and message.stream.state == "stopped_by_user":
        raise ApiError("stopped_by_user")
    if message.stream is None or message.stream.state != "open":
        raise ApiError("message_not_in_streaming_state")
    return channel, message, message.stream


def _chunks(args: Args) -> list[Json]:
    markdown, chunks = args.text("markdown_text"), args.json("chunks", "invalid_chunks") or []
    if markdown and chunks:
        raise ApiError("cannot_provide_both_markdown_text_and_chunks")
    if len(markdown) > MARKDOWN_MAX:
        raise ApiError("msg_too_long", [f"markdown_text has {len(markdown)} characters, not {MARKDOWN_MAX}"])
    if markdown:
        return [{"type": "markdown_text", "text": markdown}]
    if problems := list(_CHUNKS(chunks, "/chunks")):
        raise ApiError("invalid_chunks", [str(problem) for problem in problems])
    for index, chunk in enumerate(chunks):
        problems = check_blocks(chunk["blocks"], "message", f"/chunks/{index}/blocks") if "blocks" in chunk else []
        if problems:
            raise ApiError("invalid_blocks", [str(problem) for problem in problems])
    return list(chunks)


def _take(stream: Stream, args: Args) -> bool:
    """Add what the request brings to the stream; False when it brings nothing.

    Raises: ApiError, and then nothing was added.
    """
    chunks = _chunks(args)
    fed_by = "markdown_text" if args.text("markdown_text") else "chunks"
    if chunks and stream.fed_by not in ("", fed_by):
        raise ApiError("streaming_mode_mismatch")
    tasks, title, text, blocks = dict(stream.tasks), stream.title, stream.text, stream.blocks
    for chunk in chunks:
        match chunk["type"]:
            case "task_update":
                tasks[chunk["id"]] = _updated(tasks.get(chunk["id"], {}), chunk)
            case "plan_update":
                title = chunk["title"]
            case "markdown_text":
                text += chunk["text"]
            case "blocks":
                blocks = blocks + chunk["blocks"]
    if len(tasks) > _TASKS_MAX:
        raise ApiError("invalid_chunks", [f"no more than {_TASKS_MAX} items allowed [json-pointer:/chunks]"])
    if _length(list(tasks.values())) + len(title) + len(text) > TEXT_TOTAL:
        raise ApiError("msg_too_long", [f"the streamed message is longer than about {TEXT_TOTAL} characters"])
    stream.tasks, stream.title, stream.text, stream.blocks = tasks, title, text, blocks
    stream.fed_by = fed_by if chunks else stream.fed_by
    return bool(chunks)


def _updated(task: Json, chunk: Json) -> Json:
    """Details and output are added to what the task has; everything else replaces it."""
    news = {key: value for key, value in chunk.items() if value is not None and key not in ("type", "id")}
    return task | news | {key: task.get(key, "") + news[key] for key in ("details", "output") if key in news}


def _length(tasks: list[Json]) -> int:
    return sum(len(task.get(key, "")) for task in tasks for key in ("title", "details", "output"))


def _draw(message: Message, stream: Stream) -> None:
    """Build the message's blocks from what its stream holds."""
    cards = [_card(task_id, task) for task_id, task in stream.tasks.items()]
    if cards and stream.mode == "plan":
        cards = [{"type": "plan", "block_id": "plan", "title": stream.title, "tasks": cards}]
    text = [{"type": "markdown", "block_id": "text", "text": stream.text}] if stream.text else []
    message.text = stream.text or stream.title
    message.blocks = [*cards, *text, *stream.blocks]


def _card(task_id: str, task: Json) -> Json:
    card: Json = {"type": "task_card", "block_id": f"task-{task_id}", "task_id": task_id, **task}
    return card | {key: _rich_text(task[key]) for key in ("details", "output") if key in task}


def _rich_text(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def _redraw(api: Api, message: Message, stream: Stream) -> None:
    _draw(message, stream)
    api.workspace.name_blocks(message.blocks)
    api.workspace.changed("message_edited", message)
