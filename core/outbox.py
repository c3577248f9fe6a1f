"""Messages as they should stand in Slack; the notifier makes it so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal

import orjson
import redis

from core.errors import Conflict
from core.model import Model, Moment, utc_now
from core.redis import as_text
from core.stores import PREFIX, Table

KEEP_PICTURES_S = 86_400


class View(Model):
    """A message's content: Block Kit, and the whole sentence that a notification or a screen reader shows."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()

    def digest(self) -> str:
        """Changes when what is shown changes."""
        return hashlib.sha256(orjson.dumps([self.text, self.blocks])).hexdigest()[:16]


class Task(Model):
    """One line of a plan of tasks."""

    id: str
    title: str
    status: Literal["pending", "in_progress", "complete", "error"] = "pending"


class Stream(Model):
    """Progress that Slack can show as a live plan of tasks, to the person who asked."""

    user: str
    team: str
    tasks: tuple[Task, ...]
    ended: bool = False


class Picture(Model):
    """A picture that belongs to a message; its PNG is kept beside the outbox under `key` for a day."""

    key: str
    alt_text: str  # a sentence that says what the picture shows
    title: str


class Message(Model):
    """One message, found again by its key: putting a new view under the same key edits it."""

    key: str  # "INC-7/card", "INV-3/diagnosis"
    channel: str
    view: View
    under: str | None = None  # key of the message in whose thread it belongs
    thread_ts: str | None = None  # or the thread itself
    stream: Stream | None = None  # shown live while it runs, where the workspace supports it
    incident: str | None = None
    withdrawn: bool = False  # no longer worth a post; one that was posted is still edited
    picture: Picture | None = None  # shown below the blocks, where Slack lets the bot upload it
    urgent: bool = False  # asks for a click: its thread goes before others
    investigation: str | None = None  # whose it is; out of date once a newer one of the same incident is told
    remediation: str | None = None  # which it tells of; out of date once that is closed unanswered
    # From here on the outbox writes.
    seq: int = 0  # the order in which messages were first wished for
    waiting_since: Moment | None = None  # Slack does not show it as it should read
    # From here on the notifier writes.
    ts: str | None = None  # set once posted
    permalink: str | None = None
    posted: str | None = None  # digest of the view that Slack shows
    attempted: bool = False  # a post was begun; look before posting again
    uploaded: tuple[str, str] | None = None  # key of the picture that was uploaded, and Slack's id of that file
    streaming_since: Moment | None = None  # a stream is open
    streamed: tuple[Task, ...] = ()  # tasks as Slack shows them
    below: tuple[dict[str, Any], ...] = ()  # blocks of the notifier's own: that Slack held it back
    folded: str | None = None  # key of the message that tells of it, as it was out of date before it was posted
    refused: str | None = None  # digest of what Slack refuses in every form
    failures: int = 0  # deliveries in a row that Slack put off
    version: int = 0

    @property
    def shown(self) -> View:
        """The view, with the picture below it once that is uploaded, and what the notifier says of it."""
        blocks = [*self.view.blocks]
        if self.picture and self.uploaded and self.uploaded[0] == self.picture.key:
            title = {"type": "plain_text", "text": self.picture.title, "emoji": False}
            image = {"type": "image", "slack_file": {"id": self.uploaded[1]}, "alt_text": self.picture.alt_text}
            blocks.append(image | {"title": title})
        return View(text=self.view.text, blocks=(*blocks, *self.below))

    @property
    def thread(self) -> str:
        """What names its thread; of a message that begins one, its own key."""
        return self.under or self.thread_ts or self.key

    @property
    def waits(self) -> bool:
        """Whether Slack is yet to show it as it should read."""
        if self.streaming_since and self.stream:
            return self.stream.ended or self.stream.tasks != self.streamed
        if not self.ts and (self.withdrawn or self.folded):
            return False
        if self.streamed and not self.ts:  # whether a stream was begun cannot be looked up, so it is not begun again
            return False
        return self.shown.digest() not in (self.posted, self.refused)

    def as_posted(self, before: Message) -> Message:
        """This wish, with what is known of the message from `before`; what is posted stays where it is."""
        names = (*_KNOWN, "channel", "thread_ts") if before.ts else _KNOWN
        return self.model_copy(update={name: getattr(before, name) for name in names})


_KNOWN = (
    "seq", "waiting_since", "ts", "permalink", "posted", "attempted", "uploaded", "streaming_since", "streamed",
    "below", "folded", "refused", "failures", "version",
)  # fmt: skip


class Messages(Table[Message]):
    """Messages; with each save, in the same step, a message enters or leaves the lane of its channel."""

    _SAVE = """
    local held = redis.call('HMGET', KEYS[1], 'version', 'lane')
    if (held[1] or '0') ~= ARGV[1] then return 0 end
    redis.call('HSET', KEYS[1], 'version', ARGV[2], 'json', ARGV[3], 'lane', ARGV[4])
    local before = held[2] or ''
    if before ~= '' and before ~= ARGV[4] then
        redis.call('ZREM', ARGV[7] .. before, ARGV[6])
        if redis.call('EXISTS', ARGV[7] .. before) == 0 then redis.call('SREM', KEYS[2], before) end
    end
    if ARGV[4] ~= '' then
        redis.call('ZADD', ARGV[7] .. ARGV[4], ARGV[5], ARGV[6])
        redis.call('SADD', KEYS[2], ARGV[4])
    end
    if ARGV[8] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[8]) end
    return 1
    """

    def __init__(self, client: redis.Redis, now: Callable[[], datetime], keep_s: int | None) -> None:
        super().__init__(client, "message", Message.model_validate_json, keep_s)
        self._now = now

    def save(self, key: str, value: Message) -> Message:
        waits = value.waits
        changes: dict[str, object] = {
            "version": value.version + 1,
            "seq": value.seq or int(self._redis.incr(PREFIX + "message-number")),
            "waiting_since": (value.waiting_since or self._now()) if waits else None,
        }
        stored = value.model_copy(update=changes)
        lane = stored.channel if waits else ""
        args: list[str | int] = [
            value.version, stored.version, stored.model_dump_json(), lane, stored.seq, key, PREFIX + "lane:",
            self.keep_s or 0,
        ]  # fmt: skip
        if not self._script(keys=[self._prefix + key, PREFIX + "lanes"], args=args):
            raise Conflict(f"{key} changed since it was read.")
        return stored


class Outbox:
    """Every message that should exist in Slack, by key, as it should read now; by channel, those that do not yet."""

    def __init__(self, client: redis.Redis, now: Callable[[], datetime] = utc_now, keep_s: int | None = None) -> None:
        self._redis = client
        self._table = Messages(client, now, keep_s)

    def get(self, key: str) -> Message:
        """Raises: NotFound."""
        return self._table.get(key)

    def find(self, key: str) -> Message | None:
        return self._table.find(key)

    def find_many(self, keys: Iterable[str]) -> tuple[Message, ...]:
        """Those of `keys` that are there, in that order."""
        return tuple(self._table.find_many(keys))

    def put(self, message: Message) -> Message:
        """Say how a message should read; what was posted of it before is kept. The last writer's text stands."""
        for _ in range(100):
            before = self._table.find(message.key)
            wanted = message.as_posted(before) if before else message
            try:
                return self._table.save(message.key, wanted)
            except Conflict:
                continue
        raise Conflict(f"{message.key} kept changing; try again.")

    def update(self, key: str, change: Callable[[Message], Message]) -> Message:
        """Raises: NotFound, Conflict."""
        return self._table.update(key, change)

    def waiting(self, channel: str) -> tuple[Message, ...]:
        """What Slack is yet to show in a channel, in the order in which it was first wished for."""
        keys = [as_text(raw) for raw in self._redis.zrange(f"{PREFIX}lane:{channel}", 0, -1)]
        return tuple(m for m in self._table.find_many(keys) if m.waits and m.channel == channel) if keys else ()

    def lanes(self) -> tuple[str, ...]:
        """The channels for which something waits."""
        return tuple(sorted(as_text(raw) for raw in self._redis.smembers(PREFIX + "lanes")))

    def count_waiting(self) -> int:
        return sum(int(self._redis.zcard(f"{PREFIX}lane:{channel}")) for channel in self.lanes())

    def keep_picture(self, key: str, png: bytes) -> None:
        """Keep a picture's bytes until its message is delivered, for a day at most."""
        self._redis.set(f"{PREFIX}picture:{key}", png, ex=KEEP_PICTURES_S)

    def find_picture(self, key: str) -> bytes | None:
        held = self._redis.get(f"{PREFIX}picture:{key}")
        return held if isinstance(held, bytes) else None
