"""Whether a person can be put in command, and whether the bot is in a channel: asked of Slack while somebody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.log import get_logger
from core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk import WebClient

log = get_logger(__name__)

WITHIN_S = 2  # Slack gives the answer 3 s in all


def slack_absence(settings: Settings) -> Callable[[str], str | None]:
    """Says why somebody cannot be named, as a sentence; None when they can, or when Slack does not tell."""
    client = _client(settings)

    def absent(user: str) -> str | None:
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            found = client.users_info(user=user)["user"]
        except SlackApiError as error:
            code = error.response.get("error")
            log.warning("person_unreadable", code=code)
            return "Slack knows nobody by that name; choose another." if code == "user_not_found" else None
        except (SlackClientError, OSError) as error:
            log.warning("person_unreadable", why=type(error).__name__)
            return None
        if found.get("deleted"):
            return "They have left this workspace; choose somebody who is here."
        return "That is an app, which cannot command; choose a person." if found.get("is_bot") else None

    return absent


def slack_outside(settings: Settings) -> Callable[[str], str | None]:
    """Says why the bot cannot post in a channel, as a sentence; None when it can, or when Slack does not tell."""
    client = _client(settings)

    def outside(channel: str) -> str | None:
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            found = client.conversations_info(channel=channel)["channel"]
        except SlackApiError as error:
            code = error.response.get("error")
            log.warning("channel_unreadable", code=code)
            return "I cannot see that channel; /invite me there first." if code == "channel_not_found" else None
        except (SlackClientError, OSError) as error:
            log.warning("channel_unreadable", why=type(error).__name__)
            return None
        if found.get("is_archived"):
            return "That channel is archived; choose another."
        return None if found.get("is_member") else "I am not in that channel; /invite me there first."

    return outside


def _client(settings: Settings) -> WebClient:
    from slack_sdk import WebClient

    token = settings.slack_bot_token
    return WebClient(
        token=token.get_secret_value() if token else None, base_url=settings.slack_api_url, timeout=WITHIN_S,
        retry_handlers=[],
    )  # fmt: skip
