"""Channels of Slack, as incidents need them."""

from __future__ import annotations

from datetime import UTC, datetime

from core.errors import Refused
from core.settings import Settings
from workers.adapters.slack import web_client
from workers.incidents.rooms import Found

_PAGES = 20  # of 200 channels; more are not searched


class SlackRooms:
    """Implements workers.incidents.rooms.Rooms over slack_sdk."""

    def __init__(self, settings: Settings) -> None:
        self._web = web_client(settings)

    def create(self, name: str) -> str:
        return str(self._web("conversations.create", name=name)["channel"]["id"])

    def find_own(self, name: str) -> Found | None:
        me, cursor = self._web("auth.test")["user_id"], ""
        for _ in range(_PAGES):
            page = self._web("conversations.list", exclude_archived=True, limit=200, cursor=cursor)
            for raw in page["channels"]:
                if raw["name"] == name and raw.get("creator") == me:
                    return Found(raw["id"], datetime.fromtimestamp(raw["created"], UTC))
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        return None

    def set_topic(self, channel: str, topic: str) -> None:
        self._web("conversations.setTopic", channel=channel, topic=topic)

    def invite(self, channel: str, user: str) -> None:
        try:
            self._web("conversations.invite", channel=channel, users=user)
        except Refused as error:
            if error.code != "already_in_channel":
                raise
