"""The workspace: who and what is in it, and the few ways in which it changes. Every change goes to the feed."""

from __future__ import annotations

import itertools
import uuid

from sandbox.slack.blocks import interactive_elements
from sandbox.slack.clock import Clock
from sandbox.slack.feed import Feed
from sandbox.slack.model import BOT_USER_ID, Breach, Canvas, ChangeKind, Channel, Group, Json, Message, User, View

MARIA, JONAS, LI = "U0MARIA", "U0JONAS", "U0LI"
SRE, SHOP, GENERAL = "C0SRE", "C0SHOP", "C0GENERAL"
ON_CALL, SHOP_OWNERS = "S0ONCALL", "S0SHOP"


def _people() -> list[User]:
    return [
        User(MARIA, "maria", "Maria Keller", "maria@example.com", "Site reliability engineer, on call"),
        User(JONAS, "jonas", "Jonas Berg", "jonas@example.com", "Backend engineer"),
        User(LI, "li", "Li Wei", "li@example.com", "Site reliability engineer"),
        User(BOT_USER_ID, "sre", "SRE bot", "", is_bot=True),
    ]


def _channels() -> list[Channel]:
    people = [MARIA, JONAS, LI]
    return [
        Channel(SRE, "sre", [*people, BOT_USER_ID], creator=MARIA, purpose="Incidents and what we learn from them"),
        Channel(SHOP, "shop", [*people, BOT_USER_ID], creator=JONAS, purpose="The shop's services"),
        Channel(GENERAL, "general", people, creator=MARIA, purpose="Everybody"),
    ]


def _groups() -> list[Group]:
    return [
        Group(ON_CALL, "sre-oncall", "SRE on call", (MARIA, LI)),
        Group(SHOP_OWNERS, "shop", "Shop engineers", (JONAS,)),
    ]


class Workspace:
    """One workspace in memory. Used on the server's event loop only; nothing here knows of HTTP."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.feed = Feed(clock)
        self.users = {user.id: user for user in _people()}
        self.channels = {channel.id: channel for channel in _channels()}
        self.groups = {group.id: group for group in _groups()}
        self.messages: dict[str, dict[str, Message]] = {}  # channel id, ts: oldest first
        self.ephemerals: dict[str, Message] = {}  # by ts
        self.views: dict[str, View] = {}
        self.open_views: dict[str, list[str]] = {}  # user id: ids of the modals, the topmost last
        self.homes: dict[str, View] = {}  # by user id
        self.files: dict[str, Json] = {}
        self.pins: dict[str, list[str]] = {}  # channel id: ts of messages
        self.bookmarks: dict[str, list[Json]] = {}
        self.canvases: dict[str, Canvas] = {}
        self.canvases_off = ""  # the error that a workspace without canvases answers, such as "free_team_not_allowed"
        self.uploads: dict[str, bytes] = {}  # by file id
        self.threads: dict[tuple[str, str], Json] = {}  # channel, thread_ts: status, title, prompts, session
        self.breaches: list[Breach] = []
        self._ids = itertools.count(1)
        self._last_us = 0

    # who and where

    def user(self, who: str) -> User:
        """A user by id or handle. Raises KeyError."""
        found = self.users.get(who) or next((u for u in self.users.values() if u.name == who.removeprefix("@")), None)
        if found is None:
            raise KeyError(f"There is no user {who!r} in the sandbox.")
        return found

    def channel(self, where: str) -> Channel:
        """A conversation by id or name. Raises KeyError."""
        name = where.removeprefix("#")
        found = self.channels.get(where) or next((c for c in self.channels.values() if c.name == name and name), None)
        if found is None:
            raise KeyError(f"There is no channel {where!r} in the sandbox.")
        return found

    def im(self, first: str, second: str) -> Channel:
        """The direct messages between two users; opened when they have none."""
        for channel in self.channels.values():
            if channel.kind == "im" and sorted(channel.members) == sorted((first, second)):
                return channel
        return self.create_channel(Channel(self.new_id("D"), "", [first, second], kind="im"))

    def people(self) -> list[User]:
        """The users one can act as."""
        return [user for user in self.users.values() if not user.is_bot]

    def create_channel(self, channel: Channel) -> Channel:
        channel.created = int(self.clock.now())
        self.channels[channel.id] = channel
        self.feed.add("channel_created", channel.as_json(BOT_USER_ID), channel=channel.id, user=channel.creator)
        return channel

    def join(self, channel: Channel, user: str) -> None:
        if user not in channel.members:
            channel.members.append(user)
            self.feed.add("member_joined", channel.as_json(BOT_USER_ID), channel=channel.id, user=user)

    # ids

    def new_ts(self) -> str:
        """A message's id: the time in microseconds, never the same twice."""
        self._last_us = max(self._last_us + 1, int(self.clock.now() * 1_000_000))
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{next(self._ids):04d}{uuid.uuid4().hex[:6].upper()}"

    # messages

    def in_channel(self, channel: str) -> list[Message]:
        """Every message of a channel, those in threads too, oldest first."""
        return list(self.messages.get(channel, {}).values())

    def thread(self, channel: str, thread_ts: str) -> list[Message]:
        """The parent and its replies, oldest first."""
        return [m for m in self.in_channel(channel) if thread_ts in (m.ts, m.thread_ts)]

    def find(self, ts: str, channel: str | None = None) -> Message | None:
        """A message by its ts, in this channel or in any; never an ephemeral one."""
        places = [channel] if channel else list(self.messages)
        return next((found for place in places if (found := self.messages.get(place, {}).get(ts))), None)

    def post(self, message: Message) -> Message:
        """Add a message; a reply is counted on its parent."""
        self.name_blocks(message.blocks)
        self.messages.setdefault(message.channel, {})[message.ts] = message
        if message.is_reply and (parent := self.find(str(message.thread_ts), message.channel)):
            parent.thread_ts = parent.ts
            parent.replies.append(message.ts)
            if message.user not in parent.reply_users:
                parent.reply_users.append(message.user)
        self.changed("message_posted", message)
        thread = message.thread_ts or ""
        if message.user == BOT_USER_ID and self.threads.get((message.channel, thread), {}).get("status"):
            self.set_thread(message.channel, thread, "status", "")  # an answer ends "is looking …"
        return message

    def edit(self, message: Message) -> None:
        """Note that a message was edited."""
        self.name_blocks(message.blocks)
        message.edits += 1
        message.edited_ts = self.new_ts()
        self.changed("message_edited" if message.seen_by is None else "ephemeral_edited", message)

    def delete(self, message: Message) -> None:
        """Take a message away; the parent of a thread leaves a stone behind, as in Slack."""
        if message.seen_by is not None:
            del self.ephemerals[message.ts]
            self.changed("ephemeral_deleted", message)
            return
        if message.replies:
            message.subtype, message.text = "tombstone", "This message was deleted."
            message.blocks, message.attachments, message.metadata = [], [], None
        else:
            del self.messages[message.channel][message.ts]
        parent = self.find(message.thread_ts, message.channel) if message.is_reply and message.thread_ts else None
        if parent and message.ts in parent.replies:
            parent.replies.remove(message.ts)
        self.changed("message_deleted", message)

    def show(self, message: Message) -> Message:
        """Show an ephemeral message to the one who may see it."""
        self.name_blocks(message.blocks)
        self.ephemerals[message.ts] = message
        self.changed("ephemeral_posted", message)
        return message

    def tell(self, channel: str, user: str, text: str, thread_ts: str | None = None) -> Message:
        """Slackbot says something to one person."""
        return self.show(Message(channel, self.new_ts(), "USLACKBOT", text, thread_ts=thread_ts, seen_by=user))

    def changed(self, kind: ChangeKind, message: Message) -> None:
        self.feed.add(
            kind, message.as_json(with_metadata=True), channel=message.channel, ts=message.ts,
            thread_ts=message.thread_ts, user=message.seen_by or message.user,
        )  # fmt: skip

    def set_thread(self, channel: str, thread_ts: str, what: str, value: object) -> None:
        """Note what an assistant says of a thread: its status, title, suggested prompts, session."""
        thread = self.threads[channel, thread_ts] = self.threads.get((channel, thread_ts), {}) | {what: value}
        self.feed.add("status_set", thread, channel=channel, thread_ts=thread_ts, user=BOT_USER_ID)

    def breach(self, rule: str, message: str, where: str) -> None:
        """Write down that the bot broke a rule."""
        self.breaches.append(Breach(rule, message, where, self.clock.now()))
        self.feed.add("breach", {"rule": rule, "message": message, "where": where})

    def name_blocks(self, blocks: list[Json]) -> None:
        for block in blocks:
            block.setdefault("block_id", uuid.uuid4().hex[:5])
            for index, element in enumerate(interactive_elements(block)):
                element.setdefault("action_id", f"{block['block_id']}-{index}")
