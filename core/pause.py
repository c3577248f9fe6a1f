"""The kill switch: who paused the bot, when and why. While it is set nothing is done to any cluster."""

from __future__ import annotations

from pydantic import ValidationError

from core.model import Model, Moment
from core.stores import Switches

PAUSED = "paused"  # the switch; whatever it holds, the bot is paused


class Pause(Model):
    by: str  # Slack user id
    at: Moment | None = None
    why: str = ""  # foreign


def set_pause(switches: Switches, pause: Pause) -> None:
    switches.set(PAUSED, pause.model_dump_json())


def pause_of(switches: Switches) -> Pause | None:
    """The pause that holds, None while the bot may act."""
    held = switches.find(PAUSED)
    if held is None:
        return None
    try:
        return Pause.model_validate_json(held)
    except ValidationError:  # set by hand: it counts all the same
        return Pause(by=held)
