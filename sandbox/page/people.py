"""Who one can be on the page, and what each may do, in words."""

from __future__ import annotations

from sandbox.slack.model import Json
from sandbox.slack.state import JONAS, LI, MARIA, Workspace

_ROLES = {
    MARIA: ("On call", "Is on call and in @sre-oncall: is asked first and may approve."),
    JONAS: ("Teammate", "Owns the shop's services: may ask and look, may not approve."),
    LI: ("Approver", "Is in @sre-oncall, not on call: may approve."),
}


def directory(workspace: Workspace) -> Json:
    """The people, groups and channels, as the page knows them by id."""
    return {
        "users": {user.id: _user(workspace, user.id) for user in workspace.users.values()},
        "people": [user.id for user in workspace.people()],
        "groups": {
            group.id: {"handle": group.handle, "name": group.name, "users": list(group.users)}
            for group in workspace.groups.values()
        },
        "channels": {channel.id: channel_json(workspace, channel.id) for channel in workspace.channels.values()},
    }


def channel_json(workspace: Workspace, channel_id: str) -> Json:
    channel = workspace.channels[channel_id]
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "members": list(channel.members),
        "topic": channel.topic or channel.purpose,
        "archived": channel.is_archived,
    }


def _user(workspace: Workspace, user_id: str) -> Json:
    user = workspace.users[user_id]
    role, may = _ROLES.get(user_id, ("", ""))
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "title": user.title,
        "bot": user.is_bot,
        "role": role,
        "may": may,
    }
