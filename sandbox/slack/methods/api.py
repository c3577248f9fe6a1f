"""What every Web API method has at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack.app import App
from sandbox.slack.clock import Timers
from sandbox.slack.content import WARNINGS, Content
from sandbox.slack.errors import ApiError
from sandbox.slack.grants import Triggers
from sandbox.slack.model import BOT_USER_ID, Channel, Json, Message, User
from sandbox.slack.state import Workspace


@dataclass
class Api:
    """The workspace, and the ways out of a method that are not its answer."""

    workspace: Workspace
    app: App
    timers: Timers
    triggers: Triggers
    emit: Callable[[Json], None]  # an event, for the app that subscribed to it
    socket_path: Callable[[], str]  # of a new Socket Mode connection
    origin: str = ""  # "http://127.0.0.1:4711", once the server runs

    def channel(self, where: str) -> Channel:
        """A conversation that the bot may see, by id. Raises ApiError."""
        channel = self.workspace.channels.get(where)
        if channel is None or (channel.kind != "channel" and BOT_USER_ID not in channel.members):
            raise ApiError("channel_not_found")
        return channel

    def postable(self, where: str) -> Channel:
        """A conversation to post in: by id, by name, or the direct messages of a user, by that user's id."""
        if where in self.workspace.users:
            return self.workspace.im(BOT_USER_ID, where)
        if where.startswith("#"):
            where = next((c.id for c in self.workspace.channels.values() if f"#{c.name}" == where), where)
        return self.writable(where)

    def writable(self, where: str) -> Channel:
        """A conversation to change something in, by id. Raises ApiError."""
        channel = self.channel(where)
        if channel.is_archived:
            raise ApiError("is_archived")
        if BOT_USER_ID not in channel.members and "chat:write.public" not in self.app.scopes:
            raise ApiError("not_in_channel")
        return channel

    def readable(self, where: str) -> Channel:
        """A conversation whose messages the bot may read: it is in it. Raises ApiError."""
        channel = self.channel(where)
        if BOT_USER_ID not in channel.members:
            raise ApiError("not_in_channel")
        return channel

    def message(self, channel: Channel, ts: str) -> Message:
        """A message of this channel, never an ephemeral one. Raises ApiError."""
        message = self.workspace.find(ts, channel.id)
        if message is None:
            raise ApiError("message_not_found")
        return message

    def user(self, user_id: str) -> User:
        if user_id not in self.workspace.users:
            raise ApiError("user_not_found")
        return self.workspace.users[user_id]

    def thread(self, channel: Channel, thread_ts: str, where: str) -> str | None:
        """The ts of the thread to post in; that of the parent when a reply's was given, which is noted as a breach."""
        if not thread_ts:
            return None
        parent = self.workspace.find(thread_ts, channel.id)
        if parent is None:
            raise ApiError("thread_not_found")
        if parent.is_reply:
            self.workspace.breach("reply_to_reply", f"thread_ts {thread_ts} is a reply's; use its parent's.", where)
            return parent.thread_ts
        return thread_ts


def with_warnings(api: Api, body: Json, content: Content, where: str) -> Json:
    """The answer, with Slack's warnings about the content; they are breaches too."""
    if not content.warnings:
        return body
    for name in content.warnings:
        api.workspace.breach(name, WARNINGS[name], where)
    return body | {
        "warning": ",".join(content.warnings),
        "response_metadata": {"warnings": list(content.warnings)},
    }
