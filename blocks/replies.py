"""Short answers to commands and clicks, and the help."""

from __future__ import annotations

from typing import NamedTuple

from blocks.parts import Block, bold, bullets, channel, clean, code, message, rich, sentence, small, text, user
from core.incident import Incident
from core.outbox import View

INCIDENT, MORNING, LIMITS = "During an incident", "Every morning, and afterwards", "Limits and records"
GROUPS = (INCIDENT, MORNING, LIMITS)  # of the help, in the order in which somebody at night needs them


class Row(NamedTuple):
    """A command as the help has it: one line of a phone where that can be."""

    name: str
    arguments: str
    does: str
    group: str


COMMANDS: tuple[Row, ...] = (
    Row("status", "[service]", "what is open and firing, from stored state, at once", INCIDENT),
    Row("explain", "<what> [question]", "I look, read only; a service, pod, alert or INC-n", INCIDENT),
    Row("incident", "<service> <what is wrong>", "opens it, posts its card, investigates", INCIDENT),
    Row("runbooks", "<words>", "the runbooks nearest to some words", INCIDENT),
    Row("digest", "[24h, 7d, mon or a day]", "what changed, what broke, what got noisy", MORNING),
    Row("metrics", "[30d] [service]", "how long things take, pages, autonomy, noise, cost", MORNING),
    Row("shadow", "[90d] [service]", "what I would have done, and whether people did it", MORNING),
    Row("handoff", "[note …]", "what whoever is on call next has to know", MORNING),
    Row("postmortem", "INC-n", "a draft of it, in the incident's thread", MORNING),
    Row("toil", "[30m what you did]", "notes work by hand; alone, this week's", MORNING),
    Row("mode", "[shadow, assist or autonomous]", "what I may do by myself", LIMITS),
    Row("pause", "[why]", "nothing more is done to the cluster, at once", LIMITS),
    Row("resume", "", "ends a pause", LIMITS),
    Row("verify", "", "whether the ledger's chain holds", LIMITS),
    Row("help", "", "this", LIMITS),
)


_HOME = "My Home tab has your own incidents and approvals, services to follow, and when digests come."


def reply(words: str) -> View:
    """One sentence to one person. Foreign text in it is escaped here."""
    return View(text=sentence(words))


def opened_view(incident: Incident, note: str = "") -> View:
    """To the person who opened an incident: its number, and where it goes on."""
    line = [bold(incident.id), text(" is open and I am looking. It goes on in ")]
    line.append(channel(incident.channel) if incident.channel else text("no channel: set SRE_CHANNEL"))
    more = [[text(note, 200)]] if note else []
    return message(f"{incident.id} is open and I am looking. {note}", [rich([*line, text(".")], *more)])


def question_view(asked_by: str, question: str) -> View:
    """The message whose thread answers a question that was asked by a command."""
    asked = clean(question, 300).strip() or "what is wrong?"
    line = [user(asked_by), text(" asks: "), bold(asked), text(" The answer is in the thread.")]
    return message(f"I was asked: {asked}", [rich(line)])


def failure_view(reference: str) -> View:
    """An investigation broke; `reference` finds it in the log."""
    said = f"I could not finish looking into this: something broke on my side (reference {reference})"
    return message(said, [rich([bold(said), text(". What is above still stands. Ask again by mentioning me here.")])])


def stopped_view() -> View:
    """Somebody stopped an investigation."""
    said = "Stopped, as you asked; what is above is all that I had read"
    return message(said, [rich([text(f"{said}. Mention me here to go on.")])])


def help_view() -> View:
    """What can be asked, and where."""
    return message(
        f"You can ask me by /sre {', '.join(row.name for row in COMMANDS)}, or by mentioning me in any thread",
        [
            *(block for name in GROUPS for block in _help_of(name)),
            rich([text("In a thread, where Slack has no commands, mention me with a question, as in "),
                  code("@sre why is checkout slow?"), text(" On any message, "), code("Investigate this"),
                  text(" is under its ⋮ menu.")]),
            rich([text("In an incident's thread also "), code("@sre catch me up"), text(", "), code("take command"),
                  text(", "), code("severity 2"), text(", "), code("update …"), text(", "), code("resolve …"),
                  text(", "), code("postmortem"),
                  text("; its card has all of it under ⋯.")]),
            rich([text(_HOME)]),
            small("Nothing is changed by asking: what changes something is decided by policy, or by a click."),
        ],
    )  # fmt: skip


def _help_of(name: str) -> list[Block]:
    """The commands of one group under its name."""
    rows = [row for row in COMMANDS if row.group == name]
    lines = [[code(f"/sre {row.name} {row.arguments}".strip()), text(f" {row.does}")] for row in rows]
    return [rich([bold(name)]), bullets(lines)] if rows else []
