"""Orders that are typed in an incident's thread, where Slack has no commands: `@sre severity 2`. A phone user can type.

Only what begins like an order is one; everything else said there is a question, and is looked into.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from blocks.command import OTHER, UNKNOWN, people, told
from blocks.parts import text
from blocks.replies import reply
from bot import orders
from bot.answering import Place
from bot.commanding import Absent, catch_up, incident_at, similar
from bot.orders import Who
from bot.postmortem import draft_postmortem
from core.incident import Incident, Severity
from core.outbox import View
from core.records import Records

_ORDERS: tuple[tuple[str, str], ...] = (  # what is typed, and the order; the longest first where one begins another
    (r"(?:severity\b|sev(?=\s*[1-4]))\s*(?:to\s+)?(?:sev\s*)?(?P<rest>.*)", "severity"),
    (r"take (?:the )?(?:command|over)$", "take"),
    (r"hand ?over(?: command)?(?: to)?\b\s*(?P<rest>.*)", "hand_over"),
    (r"(?:status )?update\b[:,]?\s*(?P<rest>.+)", "update"),
    (r"catch (?:me )?up$", "catch_up"),
    (r"join$", "join"),
    (r"leave$", "leave"),
    (r"(?:make (?:a )?)?channel$", "room"),
    (r"similar(?: incidents)?$", "similar"),
    (r"resolved?\b[:,]?\s*(?P<rest>.*)", "resolve"),
    (r"fixed(?: by)?\b[:,]?\s*(?P<rest>.+)", "fixed"),
    (r"reopen$", "reopen"),
    (r"(?:responders|who)$", "who"),
    (r"(?:draft (?:a |the )?)?post-?mortem(?: draft)?$", "postmortem"),
)
_WORDS = ("severity", "take command", "hand over", "update", "catch me up", "join", "leave", "channel", "similar",
          "resolve", "fixed", "reopen", "postmortem")  # fmt: skip
_ALIKE = 0.8  # "resolvd" is an order gone wrong, "why" is not
_SHORT = 4  # words; what is longer is a question
_PERSON = re.compile(r"<@([UW][A-Z0-9]{2,20})(?:\|[^<>]*)?>")


def on_said(
    raw: str, words: str, place: Place, records: Records, absent: Absent, bot_user: str | None = None
) -> View | None:
    """What somebody is told whose words are an order; None when they are a question.

    Args:
        raw: Slack's markup, which holds who is mentioned.
        words: The same as plain words, without the bot's name.
    """
    held = incident_at(place.channel, place.thread_ts or "", records)
    if held is None or words.rstrip().endswith("?"):
        return None
    who = Who(place.user)
    for pattern, name in _ORDERS:
        if found := re.match(pattern, words.strip().rstrip("!."), re.IGNORECASE | re.DOTALL):
            rest = (found.groupdict().get("rest") or "").strip()
            named = [user for user in _PERSON.findall(raw) if user != bot_user]
            return _order(name, rest, named, held, who, place, records, absent)
    return _meant(words, held)


def _meant(words: str, held: Incident) -> View | None:
    if len(words.split()) > _SHORT:
        return None
    said = words.lower().split()
    for length in (3, 2, 1):
        close = get_close_matches(" ".join(said[:length]), _WORDS, n=1, cutoff=_ALIKE)
        if close:
            more = " 2" if close[0] == "severity" else " @somebody" if close[0] == "hand over" else ""
            return reply(f"Did you mean @sre {close[0]}{more}? Nothing was changed on {held.id}.")
    return None


def _order(
    name: str, rest: str, named: list[str], held: Incident, who: Who, place: Place, records: Records, absent: Absent
) -> View:
    if not held.is_open and name not in (
        "catch_up",
        "similar",
        "fixed",
        "reopen",
        "who",
        "leave",
        "room",
        "postmortem",
    ):
        return reply(f"{held.id} is over, so nothing was done; say @sre reopen first if it is not.")
    match name:
        case "severity":
            return _severity(rest, held, who, records)
        case "take":
            return _take(held, who, records)
        case "hand_over":
            if len(named) != 1:
                return reply("Say to whom, as in @sre hand over to @li.")
            return told(text(why)) if (why := absent(named[0])) else orders.hand_over(held.id, named[0], who, records)
        case "update":
            minutes = records.settings.config.incidents.next_update_minutes
            return orders.post_update(held.id, rest, "", minutes, who, records)
        case "catch_up":
            return catch_up(held, records)
        case "similar":
            return similar(held, who, place, records)
        case "resolve" | "fixed":
            return _fixed(name, rest, held, who, records)
        case "who":
            return _who_is_here(held)
    at_once = {"join": orders.join, "leave": orders.leave, "room": orders.ask_for_room, "reopen": orders.reopen,
               "postmortem": draft_postmortem}  # fmt: skip
    return at_once[name](held.id, who, records)


def _severity(rest: str, held: Incident, who: Who, records: Records) -> View:
    found = re.match(r"([1-4])\b[\s:,]*(.*)", rest, re.DOTALL)
    if not found:
        return reply(f"{held.id} is {held.severity}. Say @sre severity 2, from 1, the worst, to 4.")
    levels: tuple[Severity, ...] = ("SEV1", "SEV2", "SEV3", "SEV4")
    return orders.set_severity(held.id, levels[int(found[1]) - 1], found[2], who, records)


def _take(held: Incident, who: Who, records: Records) -> View:
    """Nobody loses command by a word: taking over is confirmed in a form."""
    if held.command.commander in (None, who.user):
        return orders.take_command(held.id, who, records)
    return orders.offer_form("take", held.id, f"Somebody commands {held.id} already; take over?", "Take over…")


def _fixed(name: str, rest: str, held: Incident, who: Who, records: Records) -> View:
    if not rest:
        return orders.offer_form(
            "resolve", held.id, "What fixed it? Say @sre resolve and what it was, as in @sre resolve rolled back to "
            "1.8.3; @sre resolve unknown if nobody knows. Or choose:", "Resolve…",
        )  # fmt: skip
    chosen = UNKNOWN if rest.lower() in ("unknown", "not known") else OTHER
    done = orders.resolve_by_hand if name == "resolve" else orders.say_fix
    return done(held.id, chosen, "" if chosen == UNKNOWN else rest, who, records)


def _who_is_here(held: Incident) -> View:
    command = held.command
    leads = people([command.commander]) if command.commander else [text("Nobody")]
    helps = [text(", with "), *people(command.responders)] if command.responders else []
    return told(*leads, text(f" commands {held.id}"), *helps)
