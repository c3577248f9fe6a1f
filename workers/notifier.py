"""Makes Slack show what the outbox says, message by message.

A message is a wish under a key: posted once, edited when the wish changed, never posted twice. A post whose answer was
lost is looked up by its key before another try. What Slack puts off comes back through the queue, so nothing is lost
and no worker waits.
"""

from __future__ import annotations

import time
from datetime import timedelta

from core.errors import NotFound, Refused, Transient
from core.log import get_logger
from core.outbox import Message, View
from core.queues import DELIVER, SHOW_INCIDENT
from core.records import Records
from workers.ports import Slack

log = get_logger(__name__)

PACE_S = 1.2  # Slack: about one post a second a channel, counted when they arrive
STREAM_LASTS = timedelta(minutes=4)  # Slack ends a stream after about 5 minutes
_LOCK_S = 60.0
_LONGEST_DELAY_S = 60.0
NO_STREAMING = "slack.no_streaming"
NO_PICTURES = "slack.no_pictures"
_PICTURE_TRIES = 3  # Slack looks at an uploaded picture before it lets a message show it; usually a second or two
_GONE = {"channel_not_found", "not_in_channel", "is_archived", "restricted_action"}
_TOO_RICH = {"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format", "msg_too_long"}
_NO_STREAM = {
    "unknown_method", "method_not_supported_for_channel_type", "not_allowed_token_type", "missing_scope",
    "missing_recipient_user_id", "missing_recipient_team_id", "invalid_arguments", "feature_not_enabled",
    "streaming_not_supported",
}  # fmt: skip


def deliver(key: str, records: Records, slack: Slack) -> None:
    """Bring one message up to date in Slack. Safe to repeat."""
    with records.redis.lock(f"sre:delivering:{key}", timeout=_LOCK_S, blocking_timeout=_LOCK_S):
        try:
            message = _placed(records.outbox.get(key), records, slack)
            _show(message, records, slack)
        except Transient as error:
            failed = records.outbox.update(key, lambda m: m.model_copy(update={"failures": m.failures + 1}))
            delay_s = max(error.retry_after_s, min(_LONGEST_DELAY_S, 2.0 ** min(failed.failures, 8) / 2))
            log.info("delivery_put_off", key=key, failures=failed.failures, delay_s=delay_s)
            records.switches.mark_unreachable("Slack", records.now())
            records.queues.enqueue("notify", DELIVER, key, delay_s=delay_s)
        else:
            records.switches.mark_reachable("Slack")


def _placed(message: Message, records: Records, slack: Slack) -> Message:
    """The message with its thread known; the message it answers goes first."""
    if message.thread_ts or not message.under:
        return message
    parent = records.outbox.get(message.under)
    if not parent.ts:
        deliver(message.under, records, slack)
        parent = records.outbox.get(message.under)
    if not parent.ts:
        raise Transient("the message above is not posted yet", 1.0)
    place = {"thread_ts": parent.thread_ts or parent.ts, "channel": parent.channel}
    return records.outbox.update(message.key, lambda m: m.model_copy(update=place))


def _show(message: Message, records: Records, slack: Slack) -> None:
    if _streams(message, records):
        try:
            message = _stream(message, records, slack)
        except Refused as error:
            if error.code not in _NO_STREAM:
                log.warning("stream_refused", key=message.key, code=error.code)
            records.switches.set(NO_STREAMING, error.code, for_s=86_400)
            message = records.outbox.update(message.key, lambda m: m.model_copy(update={"streaming_since": None}))
        if message.streaming_since:
            return
    message = _with_picture(message, records, slack)
    digest = message.shown.digest()
    if message.posted == digest or (message.withdrawn and not message.ts):
        return
    message = _edit(message, records, slack) if message.ts else _post(message, records, slack)
    if not message.ts:
        return
    done = {"posted": digest, "failures": 0}
    records.outbox.update(message.key, lambda m: m.model_copy(update=done))


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


def _bare(message: Message, error: Refused) -> Message:
    """A message that is too rich, as plain sections. Raises: Transient while the reason may be a picture that Slack has
    not looked at yet."""
    if message.shown != message.view and message.failures < _PICTURE_TRIES:
        raise Transient("Slack does not show the picture yet", 1.0) from error
    return message.model_copy(update={"view": plain(message.view), "picture": None})


def _post(message: Message, records: Records, slack: Slack) -> Message:
    ts = slack.find_posted(message) if message.attempted else None
    if ts is None:
        message = records.outbox.update(message.key, lambda m: m.model_copy(update={"attempted": True}))
        _keep_pace(message.channel, records)
        if records.outbox.get(message.key).withdrawn:  # while it waited
            return message
        try:
            ts = slack.post(message)
        except Refused as error:
            message, ts = _post_anyhow(message, error, records, slack)
    records.switches.mark_reachable(f"channel {message.channel}")
    posted = {"ts": ts, "channel": message.channel, "thread_ts": message.thread_ts}
    message = records.outbox.update(message.key, lambda m: m.model_copy(update=posted))
    if message.incident and not message.thread_ts:
        _bind(message, records, slack)
    return message


def _post_anyhow(message: Message, error: Refused, records: Records, slack: Slack) -> tuple[Message, str]:
    """A refused message still reaches people: plainer, or in the fallback channel."""
    log.warning("post_refused", key=message.key, code=error.code, why=str(error))
    if error.code in _TOO_RICH:
        return message, slack.post(_bare(message, error))
    if error.code in _GONE:
        moved = _elsewhere(message, error, records, slack)
        return moved, slack.post(moved)
    raise error


def _elsewhere(message: Message, error: Refused, records: Records, slack: Slack) -> Message:
    """The message as one of the fallback channel, since its own is gone, archived or closed to the bot; what belongs to
    a thread takes that thread's first message along. Raises: Refused when there is no other channel."""
    fallback = records.settings.config.channels.fallback or records.settings.channel
    if not fallback or fallback == message.channel:
        records.switches.mark_unreachable(f"channel {message.channel}", records.now())
        raise error
    place: dict[str, object] = {"channel": fallback, "thread_ts": None}
    if message.under:
        anew = {**place, "ts": None, "attempted": False, "posted": None}
        if records.outbox.get(message.under).channel != fallback:
            records.outbox.update(message.under, lambda m: m.model_copy(update=anew))
            deliver(message.under, records, slack)
        parent = records.outbox.get(message.under)
        place = {"channel": parent.channel, "thread_ts": parent.thread_ts or parent.ts}
    return records.outbox.update(message.key, lambda m: m.model_copy(update=place))


def plain(view: View) -> View:
    """The same message as plain sections, for a workspace that does not know a block or finds it too large."""
    from blocks.parts import plain_sections

    return View(text=view.text, blocks=plain_sections(view))


def _edit(message: Message, records: Records, slack: Slack) -> Message:
    try:
        slack.edit(message)
    except Refused as error:
        if error.code == "message_not_found":  # somebody deleted it; people still need what it says
            message = records.outbox.update(
                message.key, lambda m: m.model_copy(update={"ts": None, "attempted": False})
            )
            return _post(message, records, slack)
        if error.code in _GONE:
            moved = _elsewhere(message, error, records, slack)
            anew = {"ts": None, "attempted": False}
            return _post(records.outbox.update(moved.key, lambda m: m.model_copy(update=anew)), records, slack)
        if error.code not in _TOO_RICH:
            raise
        slack.edit(_bare(message, error))
    return message


def _bind(card: Message, records: Records, slack: Slack) -> None:
    """The card is up: its thread is the incident's, and its next version links to it."""
    incident_id, ts = str(card.incident), str(card.ts)
    link = slack.permalink(card.channel, ts)
    records.outbox.update(card.key, lambda m: m.model_copy(update={"permalink": link}))
    records.incidents.bind_thread(card.channel, ts, incident_id)
    try:
        place = {"thread_ts": ts, "channel": card.channel}
        records.incidents.update(incident_id, lambda i: i.model_copy(update=place))
    except NotFound:
        return
    records.queues.enqueue("notify", SHOW_INCIDENT, incident_id)


def _streams(message: Message, records: Records) -> bool:
    """Whether the progress is shown live: somebody asked, it goes on, and the workspace can."""
    if not message.stream or not message.thread_ts:
        return False
    if message.streaming_since:
        return True
    return not message.ts and not message.stream.ended and not records.switches.find(NO_STREAMING)


def _stream(message: Message, records: Records, slack: Slack) -> Message:
    """Start, go on with, or end the live plan; afterwards `streaming_since` is set while it is open."""
    stream = message.stream
    assert stream is not None  # `_streams` looked
    if not message.streaming_since:
        ts = slack.start_stream(message)
        began = {"ts": ts, "streaming_since": records.now(), "streamed": stream.tasks}
        return records.outbox.update(message.key, lambda m: m.model_copy(update=began))
    changed = tuple(task for task in stream.tasks if task not in message.streamed)
    if stream.ended or records.now() - message.streaming_since > STREAM_LASTS:
        slack.stop_stream(message, changed)
        ended = {"streaming_since": None, "streamed": stream.tasks, "posted": None}
        return records.outbox.update(message.key, lambda m: m.model_copy(update=ended))
    if changed:
        slack.append_stream(message, changed)
    return records.outbox.update(message.key, lambda m: m.model_copy(update={"streamed": stream.tasks}))


def _keep_pace(channel: str, records: Records) -> None:
    """Wait out the rest of the pace since this channel's last message."""
    name = f"sre:pace:{channel}"
    while not records.redis.set(name, 1, px=int(PACE_S * 1000), nx=True):
        time.sleep(max(int(records.redis.pttl(name)), 10) / 1000)
