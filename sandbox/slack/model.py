"""What a Slack workspace consists of. `as_json` gives the shapes that Slack's Web API documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

TEAM_ID = "T0SANDBOX"
TEAM_DOMAIN = "sandbox"
APP_ID = "A0SANDBOX"
BOT_ID = "B0SREBOT"
BOT_USER_ID = "U0SREBOT"

ChangeKind = Literal[
    "message_posted", "message_edited", "message_deleted", "ephemeral_posted", "ephemeral_edited", "ephemeral_deleted",
    "view_opened", "view_updated", "view_closed", "home_published", "reaction_added", "reaction_removed", "pin_added",
    "bookmark_added", "file_shared", "channel_created", "channel_archived", "member_joined", "status_set",
    "command_typed", "button_clicked", "shortcut_used", "view_submitted", "socket_opened", "socket_closed", "breach",
]  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One thing that happened, with the thing as it was right after."""

    seq: int
    at: float  # seconds since the epoch
    kind: ChangeKind
    data: Json
    channel: str | None = None
    ts: str | None = None
    thread_ts: str | None = None
    user: str | None = None  # who did it, or who alone sees it


@dataclass(frozen=True)
class Breach:
    """The bot broke one of Slack's rules."""

    rule: str  # Slack's own error name, such as "invalid_blocks"
    message: str
    where: str  # the Web API method, "response_url", or the kind of delivery
    at: float


@dataclass(frozen=True)
class User:
    id: str
    name: str  # the handle: "maria"
    real_name: str
    email: str
    title: str = ""
    tz: str = "Europe/Berlin"
    tz_offset: int = 3600
    is_bot: bool = False
    deleted: bool = False  # they left the workspace

    def profile(self, with_email: bool) -> Json:
        profile = {
            "real_name": self.real_name,
            "display_name": self.name,
            "title": self.title,
            "real_name_normalized": self.real_name,
            "display_name_normalized": self.name,
            "status_text": "",
            "status_emoji": "",
        }
        return profile | ({"email": self.email} if with_email and not self.is_bot else {})

    def as_json(self, with_email: bool) -> Json:
        return {
            "id": self.id,
            "team_id": TEAM_ID,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "tz": self.tz,
            "tz_label": self.tz,
            "tz_offset": self.tz_offset,
            "is_admin": False,
            "is_owner": False,
            "is_restricted": False,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 0,
            "profile": self.profile(with_email),
        }


@dataclass(frozen=True)
class Group:
    """A user group: what `@sre-oncall` names."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...]

    def as_json(self, with_users: bool) -> Json:
        group: Json = {
            "id": self.id,
            "team_id": TEAM_ID,
            "is_usergroup": True,
            "handle": self.handle,
            "name": self.name,
            "description": "",
            "date_delete": 0,
            "user_count": len(self.users),
        }
        return group | ({"users": list(self.users)} if with_users else {})


@dataclass
class Channel:
    """A conversation; `im` ones have two members and no name."""

    id: str
    name: str
    members: list[str]
    kind: Literal["channel", "group", "im", "mpim"] = "channel"
    creator: str = ""
    created: int = 0
    topic: str = ""
    purpose: str = ""
    is_archived: bool = False

    def as_json(self, viewer: str) -> Json:
        shared = {"id": self.id, "created": self.created, "is_archived": self.is_archived}
        if self.kind == "im":
            other = next((member for member in self.members if member != viewer), viewer)
            return shared | {"is_im": True, "is_channel": False, "user": other, "is_user_deleted": False}
        return shared | {
            "name": self.name,
            "name_normalized": self.name,
            "creator": self.creator,
            "is_channel": self.kind == "channel",
            "is_group": self.kind == "group",
            "is_im": False,
            "is_mpim": self.kind == "mpim",
            "is_private": self.kind != "channel",
            "is_general": False,
            "is_member": viewer in self.members,
            "num_members": len(self.members),
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": self.purpose, "creator": "", "last_set": 0},
        }


@dataclass
class Stream:
    """A message that is still being written. `state` says why it no longer is."""

    started_at: float
    mode: Literal["timeline", "plan"]
    recipient: str | None
    fed_by: str = ""  # "chunks" or "markdown_text", whichever came first
    state: Literal["open", "stopped", "expired", "stopped_by_user"] = "open"
    text: str = ""
    title: str = ""
    tasks: dict[str, Json] = field(default_factory=dict)
    blocks: list[Json] = field(default_factory=list)


@dataclass
class Message:
    """A message, posted or ephemeral (`seen_by` is then the only one who sees it)."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    attachments: list[Json] = field(default_factory=list)
    bot_id: str | None = None
    subtype: str | None = None
    metadata: Json | None = None
    files: list[Json] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    seen_by: str | None = None
    broadcast: bool = False
    edits: int = 0
    edited_ts: str | None = None
    stream: Stream | None = None
    replies: list[str] = field(default_factory=list)  # ts of each, oldest first
    reply_users: list[str] = field(default_factory=list)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    def as_json(self, with_metadata: bool = False) -> Json:
        message: Json = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text, "team": TEAM_ID}
        optional = {
            "subtype": self.subtype,
            "bot_id": self.bot_id,
            "app_id": self.bot_id and APP_ID,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "files": self.files,
            "thread_ts": self.thread_ts,
            "metadata": self.metadata if with_metadata else None,
            "edited": self.edited_ts and {"user": self.user, "ts": self.edited_ts},
            "is_ephemeral": self.seen_by is not None,
            "reactions": [{"name": n, "users": u, "count": len(u)} for n, u in self.reactions.items()],
            "streaming_state": self.stream and ("in_progress" if self.stream.state == "open" else "completed"),
        }
        message |= {key: value for key, value in optional.items() if value}
        if self.replies:
            message |= {
                "reply_count": len(self.replies),
                "reply_users": self.reply_users,
                "reply_users_count": len(self.reply_users),
                "latest_reply": self.replies[-1],
                "is_locked": False,
                "subscribed": False,
            }
        return message


@dataclass
class Canvas:
    """A canvas: its markdown as it reads now, and who may do what with it."""

    id: str
    title: str
    markdown: str
    owner: str
    channels: dict[str, str] = field(default_factory=dict)  # id to "read" or "write"
    users: dict[str, str] = field(default_factory=dict)
    edited_by: str = ""  # the person who changed it last


@dataclass
class View:
    """A modal or an App Home, as the person has it before them."""

    id: str
    user: str
    content: Json  # what the app sent
    hash: str
    root_id: str
    previous_id: str | None = None
    errors: dict[str, str] = field(default_factory=dict)  # block id: what to correct

    @property
    def blocks(self) -> list[Json]:
        blocks: list[Json] = self.content["blocks"]
        return blocks

    def as_json(self, values: Json | None = None) -> Json:
        defaults: Json = {
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "title": {"type": "plain_text", "text": "View Title", "emoji": True},
            "close": None,
            "submit": None,
            "clear_on_close": False,
            "notify_on_close": False,
        }
        return (
            defaults
            | self.content
            | {
                "id": self.id,
                "team_id": TEAM_ID,
                "state": {"values": values or {}},
                "hash": self.hash,
                "previous_view_id": self.previous_id,
                "root_view_id": self.root_id,
                "app_id": APP_ID,
                "app_installed_team_id": TEAM_ID,
                "bot_id": BOT_ID,
            }
        )
