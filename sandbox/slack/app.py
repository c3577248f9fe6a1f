"""The bot's app as Slack knows it: what its manifest asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVERY_SCOPE = frozenset(
    {
        "app_mentions:read", "assistant:write", "bookmarks:write", "canvases:write", "channels:history",
        "channels:join", "channels:manage", "channels:read", "chat:write", "commands", "files:write", "groups:history",
        "groups:read", "im:history", "im:read", "im:write", "mpim:history", "mpim:read", "pins:write", "reactions:read",
        "reactions:write", "team:read", "usergroups:read", "users.profile:read", "users:read", "users:read.email",
    }
)  # fmt: skip
_EVENTS = frozenset({"app_mention", "message.im", "app_home_opened", "agent_session_stopped"})


@dataclass(frozen=True)
class App:
    """Scopes granted, events subscribed to, slash commands and shortcuts declared.

    The default may do everything that this sandbox knows. An empty set of commands or shortcuts means any.
    """

    scopes: frozenset[str] = EVERY_SCOPE
    events: frozenset[str] = _EVENTS
    commands: frozenset[str] = frozenset()
    shortcuts: frozenset[str] = frozenset()
    has_home: bool = True
    menu: tuple[tuple[str, str], ...] = (("investigate_this", "Investigate this"),)  # on messages: callback id, name
    prompts: tuple[tuple[str, str], ...] = ()  # what its direct messages suggest to say: title and message

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> App:
        """The app that this manifest installs, so that tests meet a scope or an event that it forgot."""
        features = manifest.get("features", {})
        settings = manifest.get("settings", {})
        return cls(
            scopes=frozenset(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", [])),
            events=frozenset(settings.get("event_subscriptions", {}).get("bot_events", [])),
            commands=frozenset(command["command"] for command in features.get("slash_commands", [])),
            shortcuts=frozenset(shortcut["callback_id"] for shortcut in features.get("shortcuts", [])),
            menu=tuple(
                (each["callback_id"], each.get("name", ""))
                for each in features.get("shortcuts", [])
                if each.get("type") == "message"
            ),
            has_home=features.get("app_home", {}).get("home_tab_enabled", True),
            prompts=tuple(
                (p["title"], p["message"]) for p in features.get("agent_view", {}).get("suggested_prompts", [])
            ),
        )

    def hears(self, event: Mapping[str, Any]) -> bool:
        """Whether the app is subscribed to this event; messages are subscribed to by kind of channel."""
        kind = event["type"]
        return (f"message.{_PLURAL[event['channel_type']]}" if kind == "message" else kind) in self.events


_PLURAL = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
