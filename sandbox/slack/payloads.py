"""Interaction payloads (docs.slack.dev/interactivity): what the app receives when a person does something."""

from __future__ import annotations

from sandbox.slack.events import LEGACY_TOKEN
from sandbox.slack.model import APP_ID, TEAM_DOMAIN, TEAM_ID, Channel, Json, Message, User


def slash_command(who: User, where: Channel, command: str, text: str, response_url: str, trigger_id: str) -> Json:
    return {
        "token": LEGACY_TOKEN,
        "team_id": TEAM_ID,
        "team_domain": TEAM_DOMAIN,
        "channel_id": where.id,
        "channel_name": _name(where),
        "user_id": who.id,
        "user_name": who.name,
        "command": command,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def interaction(kind: str, who: User, trigger_id: str) -> Json:
    """What every click, shortcut and submission has."""
    return {
        "type": kind,
        "token": LEGACY_TOKEN,
        "api_app_id": APP_ID,
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
        "user": {"id": who.id, "username": who.name, "name": who.name, "team_id": TEAM_ID},
        "trigger_id": trigger_id,
    }


def about(message: Message, where: Channel, response_url: str) -> Json:
    """What is added when it was about a message."""
    return {
        "channel": {"id": where.id, "name": _name(where)},
        "message": message.as_json(with_metadata=True),
        "response_url": response_url,
    }


def container(message: Message) -> Json:
    """Where the element stands that was used."""
    place: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.seen_by is not None,
    }
    return place | ({"thread_ts": message.thread_ts} if message.thread_ts else {})


def _name(where: Channel) -> str:
    return where.name or "directmessage"
