"""An alert silenced in Alertmanager for a while; the comment holds the action's id."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import Changed, ToolError
from core.model import utc_now
from core.remediation import DryRun, Target
from workers.actions.base import MARK, Means
from workers.actions.rollouts import fingerprint
from workers.ports import Silences
from workers.triage.objects import moment

AUTHOR = "sre-bot"
Silence = dict[str, Any]


class SilenceAlert:
    """Alertmanager has no dry run, so what would be silenced is said in words."""

    kind: ClassVar[ActionKind] = "silence_alert"
    checks: ClassVar[tuple[str, ...]] = ("the alert stays quiet until the silence ends",)

    def prepare(self, action: Action, means: Means) -> Target:
        """The version is which silences of exactly these matchers there are now: somebody may be quicker."""
        held = [each for each in _silences(means).list() if _is_active(each) and _matchers(each) == _wanted(action)]
        version = fingerprint(sorted([str(each["id"]), str(each.get("endsAt"))] for each in held))
        until = max((str(each.get("endsAt")) for each in held), default=None)
        return Target(uid=f"silence:{fingerprint(_wanted(action))}", version=version, facts={"silenced_until": until})

    def dry_run(self, action: Action, target: Target, means: Means) -> DryRun:
        until, minutes = moment(target.facts["silenced_until"]), action.params["duration_minutes"]
        if until and until >= utc_now() + timedelta(minutes=minutes):
            return DryRun(passed=False, says=f"It is silenced already until {until:%H:%M} UTC.")
        matchers = ", ".join(_written(each) for each in action.params["matchers"])
        change = (f"alerts with {matchers} notify nobody for {minutes} min",)
        return DryRun(passed=True, says="Alertmanager answers; it has no dry run.", change=change)

    def execute(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        minutes = action.params["duration_minutes"]
        done = f"Silenced {action.name} for {minutes} min."
        if self.found(action, target, action_id, means):
            return f"{action.name} was silenced by {action_id} already."
        if self.prepare(action, means).version != target.version:
            raise Changed(f"{action.name} changed since this was proposed: somebody made or ended the same silence.")
        now = utc_now()
        ends = now + timedelta(minutes=minutes)
        body = {
            "matchers": action.params["matchers"], "startsAt": now.isoformat(), "endsAt": ends.isoformat(),
            "createdBy": AUTHOR, "comment": f"Silenced for {minutes} min. {_mark(action_id)}",
        }  # fmt: skip
        _silences(means).create(body)
        return done

    def found(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        return _find(action_id, means) is not None

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        return None

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return "end the silence"

    def undo(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        held = _find(action_id, means)
        if held is None or not _is_active(held):
            raise Changed(f"The silence of {action.name} has ended already.")
        starts, ends = moment(held.get("startsAt")), moment(held.get("endsAt"))
        lasts = timedelta(minutes=action.params["duration_minutes"])
        if starts is None or ends is None or abs(ends - starts - lasts) > timedelta(seconds=2):
            raise Changed(f"Somebody gave the silence of {action.name} another end; it is left as it is.")
        _silences(means).expire(str(held["id"]))
        return f"Ended the silence of {action.name}."


def _silences(means: Means) -> Silences:
    if means.silences is None:
        raise ToolError("the silences", "no Alertmanager is configured; set ALERTMANAGER_URL")
    return means.silences


def _mark(action_id: str) -> str:
    return f"[{MARK}={action_id}]"


def _find(action_id: str, means: Means) -> Silence | None:
    """The silence that was made under this id, ended or not; one that somebody edited is another."""
    ours = [
        each
        for each in _silences(means).list()
        if each.get("createdBy") == AUTHOR and _mark(action_id) in str(each.get("comment"))
    ]
    return next((each for each in ours if _is_active(each)), ours[0] if ours else None)


def _is_active(silence: Silence) -> bool:
    return (silence.get("status") or {}).get("state") in ("active", "pending")


def _matchers(silence: Silence) -> list[list[Any]]:
    return _sorted(silence.get("matchers") or ())


def _wanted(action: Action) -> list[list[Any]]:
    return _sorted(action.params["matchers"])


def _sorted(matchers: Any) -> list[list[Any]]:
    """Matchers in their one order."""
    return sorted([m.get("name"), m.get("value"), bool(m.get("isRegex")), m.get("isEqual", True)] for m in matchers)


def _written(matcher: dict[str, Any]) -> str:
    """`namespace="shop"`."""
    operators = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    operator = operators[bool(matcher.get("isEqual", True)), bool(matcher.get("isRegex"))]
    return f"{matcher['name']}{operator}{json.dumps(matcher['value'])}"
