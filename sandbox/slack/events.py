"""Events of the Events API (docs.slack.dev/reference/events), without their outer envelope."""

from __future__ import annotations

from sandbox.slack.model import APP_ID, BOT_USER_ID, TEAM_ID, Channel, Json, Message, View

LEGACY_TOKEN = "deprecated-use-the-signature"  # noqa: S105 - Slack still sends it; nothing may rely on it


def message_posted(message: Message, channel: Channel) -> Json:
    return message.as_json(with_metadata=True) | {
        "channel": channel.id,
        "channel_type": channel.kind,
        "event_ts": message.ts,
    }


def message_changed(message: Message, before: Json, channel: Channel) -> Json:
    return _hidden("message_changed", message, channel) | {"message": message.as_json(), "previous_message": before}


def message_deleted(message: Message, before: Json, channel: Channel) -> Json:
    return _hidden("message_deleted", message, channel) | {"deleted_ts": message.ts, "previous_message": before}


def _hidden(subtype: str, message: Message, channel: Channel) -> Json:
    ts = message.edited_ts or message.ts
    return {
        "type": "message",
        "subtype": subtype,
        "hidden": True,
        "channel": channel.id,
        "channel_type": channel.kind,
        "ts": ts,
        "event_ts": ts,
    }


def app_mention(message: Message) -> Json:
    return message.as_json() | {"type": "app_mention", "channel": message.channel, "event_ts": message.ts}


def reaction(kind: str, message: Message, user: str, name: str, at: str) -> Json:
    """`kind` is "reaction_added" or "reaction_removed"."""
    return {
        "type": kind,
        "user": user,
        "reaction": name,
        "item_user": message.user,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "event_ts": at,
    }


def member_joined(channel: Channel, user: str, inviter: str | None, at: str) -> Json:
    event = {
        "type": "member_joined_channel",
        "user": user,
        "channel": channel.id,
        "channel_type": "C" if channel.kind == "channel" else "G",
        "team": TEAM_ID,
        "event_ts": at,
    }
    return event | ({"inviter": inviter} if inviter else {})


def app_home_opened(channel: Channel, user: str, tab: str, home: View | None, at: str) -> Json:
    event = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": tab, "event_ts": at}
    return event | ({"view": home.as_json()} if home and tab == "home" else {})


def agent_session_stopped(message: Message, user: str, at: str) -> Json:
    return {
        "type": "agent_session_stopped",
        "channel": message.channel,
        "user": user,
        "thread_ts": message.thread_ts,
        "streaming_message_ts": [message.ts],
        "event_ts": at,
    }


def envelope(event: Json, event_id: str, at: float) -> Json:
    """The outer event that reaches the app."""
    return {
        "token": LEGACY_TOKEN,
        "team_id": TEAM_ID,
        "context_team_id": TEAM_ID,
        "context_enterprise_id": None,
        "api_app_id": APP_ID,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(at),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": BOT_USER_ID,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }
