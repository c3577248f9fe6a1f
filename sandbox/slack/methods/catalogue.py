"""Every Web API method, its rate limit and the scopes of which it needs one (docs.slack.dev/reference/methods)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from sandbox.slack.args import Args
from sandbox.slack.limits import FREE, POST, TIER_2, TIER_3, TIER_4, Rate
from sandbox.slack.methods import canvases, chat, conversations, directory, files, marks, streams, views
from sandbox.slack.methods.api import Api
from sandbox.slack.model import Json


class Method(NamedTuple):
    run: Callable[[Api, Args], Json]
    rate: Rate
    scopes: tuple[str, ...] = ()
    caller: Literal["bot", "app"] = "bot"  # whose token it wants


_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_WRITE = ("chat:write",)
_MANAGE = ("channels:manage",)
_PEOPLE = ("users:read",)
_ASSIST = ("assistant:write", "chat:write")

METHODS: dict[str, Method] = {
    "api.test": Method(directory.api_test, FREE),
    "auth.test": Method(directory.auth_test, FREE),
    # Tier 1 (one a minute) by the book; yet an app may open ten connections, so only storms can be meant.
    "apps.connections.open": Method(directory.connections_open, TIER_4, (), "app"),
    "chat.postMessage": Method(chat.post_message, POST, _WRITE),
    "chat.postEphemeral": Method(chat.post_ephemeral, TIER_4, _WRITE),
    "chat.update": Method(chat.update, TIER_3, _WRITE),
    "chat.delete": Method(chat.delete, TIER_3, _WRITE),
    "chat.getPermalink": Method(chat.get_permalink, FREE),
    "chat.scheduleMessage": Method(chat.schedule_message, TIER_3, _WRITE),
    "chat.startStream": Method(streams.start, TIER_2, _WRITE),
    "chat.appendStream": Method(streams.append, TIER_4, _WRITE),
    "chat.stopStream": Method(streams.stop, TIER_2, _WRITE),
    "conversations.info": Method(conversations.info, TIER_3, _READ),
    "conversations.list": Method(conversations.list_, TIER_2, _READ),
    "conversations.members": Method(conversations.members, TIER_4, _READ),
    "conversations.history": Method(conversations.history, TIER_3, _HISTORY),
    "conversations.replies": Method(conversations.replies, TIER_3, _HISTORY),
    "conversations.open": Method(conversations.open_, TIER_3, ("im:write", "mpim:write")),
    "conversations.create": Method(conversations.create, TIER_2, _MANAGE),
    "conversations.join": Method(conversations.join, TIER_3, ("channels:join",)),
    "conversations.invite": Method(conversations.invite, TIER_3, _MANAGE),
    "conversations.setTopic": Method(conversations.set_topic, TIER_2, _MANAGE),
    "conversations.archive": Method(conversations.archive, TIER_2, _MANAGE),
    "users.info": Method(directory.users_info, TIER_4, _PEOPLE),
    "users.list": Method(directory.users_list, TIER_2, _PEOPLE),
    "users.lookupByEmail": Method(directory.lookup_by_email, TIER_3, ("users:read.email",)),
    "users.profile.get": Method(directory.profile_get, TIER_4, ("users.profile:read",)),
    "usergroups.list": Method(directory.usergroups_list, TIER_2, ("usergroups:read",)),
    "usergroups.users.list": Method(directory.usergroup_users, TIER_2, ("usergroups:read",)),
    "team.info": Method(directory.team_info, TIER_3, ("team:read",)),
    "bots.info": Method(directory.bots_info, TIER_3, _PEOPLE),
    "views.open": Method(views.open_, TIER_4),
    "views.push": Method(views.push, TIER_4),
    "views.update": Method(views.update, TIER_4),
    "views.publish": Method(views.publish, TIER_4),
    "reactions.add": Method(marks.reactions_add, TIER_3, ("reactions:write",)),
    "reactions.remove": Method(marks.reactions_remove, TIER_2, ("reactions:write",)),
    "reactions.get": Method(marks.reactions_get, TIER_3, ("reactions:read",)),
    "pins.add": Method(marks.pins_add, TIER_2, ("pins:write",)),
    "bookmarks.add": Method(marks.bookmarks_add, TIER_2, ("bookmarks:write",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, TIER_4, ("files:write",)),
    "files.completeUploadExternal": Method(files.complete_upload, TIER_4, ("files:write",)),
    "canvases.create": Method(canvases.create, TIER_2, ("canvases:write",)),
    "canvases.access.set": Method(canvases.set_access, TIER_3, ("canvases:write",)),
    "assistant.threads.setStatus": Method(marks.set_status, Rate(600), _ASSIST),
    "assistant.threads.setTitle": Method(marks.set_title, TIER_4, _ASSIST),
    "assistant.threads.setSuggestedPrompts": Method(marks.set_suggested_prompts, TIER_4, _ASSIST),
    "agents.sessions.setStatus": Method(marks.set_session_status, TIER_4, _ASSIST),
}
