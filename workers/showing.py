"""One message made to stand in Slack as it should: posted once, edited, streamed, with its picture, or anyhow.

A post whose answer was lost is looked up by its key before another try.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta

from core.errors import NotFound, Refused, Transient
from core.log import get_logger
from core.outbox import Message, View
from core.posting import post_soon
from core.queues import SHOW_INCIDENT
from core.records import Records
from workers.ports import Slack

log = get_logger(__name__)

STREAM_LASTS = timedelta(minutes=4)  # Slack ends a stream after about 5 minutes
NO_STREAMING = "slack.no_streaming"
NO_PICTURES = "slack.no_pictures"
GONE = frozenset({"channel_not_found", "not_in_channel", "is_archived", "restricted_action"})
_PICTURE_TRIES = 3  # Slack looks at an uploaded picture before it lets a message show it; usually a second or two
_NO_STREAM = {
    "unknown_method", "method_not_supported_for_channel_type", "not_allowed_token_type", "missing_scope",
    "missing_recipient_user_id", "missing_recipient_team_id", "invalid_arguments", "feature_not_enabled",
    "streaming_not_supported",
}  # fmt: skip
_TOO_RICH = {"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format", "msg_too_long"}


def show(message: Message, records: Records, slack: Slack, still_ours: Callable[[], object]) -> None:
    """Bring one message up to date. Safe to repeat.

    Args:
        still_ours: Raises once another process may be at it.

    Raises: Transient; Refused when Slack takes it in no form, or its channel is gone and there is no other.
    """
    if streams(message, records):
        message = _streamed(message, records, slack)
        if message.streaming_since:
            return
    message = _with_picture(message, records, slack)
    still_ours()
    if message.ts:
        _edit(message, records, slack)
    else:
        _post(message, records, slack, still_ours)


def _with_picture(message: Message, records: Records, slack: Slack) -> Message:
    """The message with its picture uploaded, which is noted before anything shows it, so that it happens once; without
    the picture where Slack does not let the bot upload, or when it is no longer kept."""
    picture = message.picture
    if picture is None or (message.uploaded and message.uploaded[0] == picture.key):
        return message
    png = None if records.switches.find(NO_PICTURES) else records.outbox.find_picture(picture.key)
    if png is None:
        return message
    try:
        file_id = slack.upload(png, picture.title, picture.alt_text)
    except Refused as error:
        log.warning("picture_refused", key=message.key, code=error.code)
        if error.code == "missing_scope":
            records.switches.set(NO_PICTURES, error.code, for_s=3600)
        return message
    uploaded = {"uploaded": (picture.key, file_id)}
    return records.outbox.update(message.key, lambda m: m.model_copy(update=uploaded))


def _post(message: Message, records: Records, slack: Slack, still_ours: Callable[[], object]) -> None:
    ts = slack.find_posted(message) if message.attempted else None
    still_ours()
    posted = None  # as it was when its answer was lost: shown anew
    if ts is None:
        message = records.outbox.update(message.key, lambda m: m.model_copy(update={"attempted": True}))
        if message.withdrawn:  # while it waited
            return
        try:
            ts = slack.post(message)
        except Refused as error:
            if error.code in GONE:
                _move(message, error, records)
                return
            log.warning("post_refused", key=message.key, code=error.code, why=str(error))
            ts = slack.post(_bare(message, error))
        posted = message.shown.digest()
    records.switches.mark_reachable(f"channel {message.channel}")
    done: dict[str, object] = {"ts": ts, "posted": posted, "failures": 0}
    if message.incident and not message.thread_ts:  # first: whoever is killed in between finds it posted and comes here
        done["permalink"] = _bind(message.incident, message.channel, ts, records, slack)
    records.outbox.update(message.key, lambda m: m.model_copy(update=done))
    if "permalink" in done:
        records.queues.enqueue("notify", SHOW_INCIDENT, str(message.incident))


def _edit(message: Message, records: Records, slack: Slack) -> None:
    try:
        slack.edit(message)
    except Refused as error:
        anew = {"ts": None, "attempted": False, "posted": None}
        if error.code == "message_not_found":  # somebody deleted it; people still need what it says
            records.outbox.update(message.key, lambda m: m.model_copy(update=anew))
            return
        if error.code in GONE:
            _move(message, error, records)
            return
        slack.edit(_bare(message, error))
    done = {"posted": message.shown.digest(), "failures": 0}
    records.outbox.update(message.key, lambda m: m.model_copy(update=done))


def _bare(message: Message, error: Refused) -> Message:
    """A message that is too rich, as plain sections. Raises: Transient while the reason may be a picture that Slack has
    not looked at yet; Refused when it is not too rich."""
    if error.code not in _TOO_RICH:
        raise error
    pictured = message.shown != message.model_copy(update={"picture": None}).shown
    if pictured and message.failures < _PICTURE_TRIES:
        raise Transient("Slack does not show the picture yet", 1.0) from error
    return message.model_copy(update={"view": plain(message.view), "picture": None})


def plain(view: View) -> View:
    """The same message as plain sections, for a workspace that does not know a block or finds it too large."""
    from blocks.parts import plain_sections

    return View(text=view.text, blocks=plain_sections(view))


def _move(message: Message, error: Refused, records: Records) -> None:
    """Let the message wait for the fallback channel, since its own is gone, archived or closed to the bot; what belongs
    to a thread takes that thread's first message along. Raises: Refused when there is no other channel."""
    log.warning("channel_gone", key=message.key, code=error.code, channel=message.channel)
    fallback = records.settings.config.channels.fallback or records.settings.channel
    if not fallback or fallback == message.channel:
        records.switches.mark_unreachable(f"channel {message.channel}", records.now())
        raise error
    anew: dict[str, object] = {
        "channel": fallback, "thread_ts": None, "ts": None, "attempted": False, "posted": None,
    }  # fmt: skip
    for key in filter(None, (message.under, message.key)):
        records.outbox.update(key, lambda m: m if m.channel == fallback else m.model_copy(update=anew))
    post_soon(fallback, records)


def _bind(incident_id: str, channel: str, ts: str, records: Records, slack: Slack) -> str | None:
    """Let a card's thread be the incident's; the card's address, to which its next version links."""
    records.incidents.bind_thread(channel, ts, incident_id)
    place = {"thread_ts": ts, "channel": channel}
    with contextlib.suppress(NotFound):
        records.incidents.update(incident_id, lambda i: i.model_copy(update=place))
    try:
        return slack.permalink(channel, ts)
    except Refused as error:
        log.warning("no_permalink", incident=incident_id, code=error.code)
        return None


def streams(message: Message, records: Records) -> bool:
    """Whether the progress is shown live: somebody asked, it goes on, and the workspace can."""
    if not message.stream or not message.thread_ts:
        return False
    if message.streaming_since:
        return True
    return not message.ts and not message.stream.ended and not records.switches.find(NO_STREAMING)


def _streamed(message: Message, records: Records, slack: Slack) -> Message:
    """The message with its live plan brought up to date, or without one where the workspace cannot."""
    try:
        return _stream(message, records, slack)
    except Refused as error:
        if error.code not in _NO_STREAM:
            log.warning("stream_refused", key=message.key, code=error.code)
        records.switches.set(NO_STREAMING, error.code, for_s=86_400)
        plainly = {"streaming_since": None, "streamed": ()}
        return records.outbox.update(message.key, lambda m: m.model_copy(update=plainly))


def _stream(message: Message, records: Records, slack: Slack) -> Message:
    """Start, go on with, or end the live plan; afterwards `streaming_since` is set while it is open."""
    stream = message.stream
    assert stream is not None  # `streams` looked
    if not message.streaming_since:
        records.outbox.update(message.key, lambda m: m.model_copy(update={"streamed": stream.tasks}))
        ts = slack.start_stream(message)
        began = {"ts": ts, "streaming_since": records.now(), "failures": 0}
        return records.outbox.update(message.key, lambda m: m.model_copy(update=began))
    changed = tuple(task for task in stream.tasks if task not in message.streamed)
    if stream.ended or records.now() - message.streaming_since > STREAM_LASTS:
        slack.stop_stream(message, changed)
        ended = {"streaming_since": None, "streamed": stream.tasks, "posted": None}
        return records.outbox.update(message.key, lambda m: m.model_copy(update=ended))
    if changed:
        slack.append_stream(message, changed)
    return records.outbox.update(message.key, lambda m: m.model_copy(update={"streamed": stream.tasks}))
