"""Short answers to commands and clicks, and the help."""

from __future__ import annotations

from blocks.parts import bold, bullets, channel, clean, code, message, rich, sentence, small, text, user
from core.incident import Incident
from core.outbox import View

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("status", "[service]", "what is open and firing, and my mode; from stored state, at once"),
    ("explain", "<pod, deployment, service, alert or INC-n> [question]", "I look, read only, and answer in a thread"),
    ("incident", "<service> <what is wrong>", "opens it, posts its card, investigates"),
    ("mode", "[shadow, assist or autonomous]", "what I may do by myself; changed by those who may approve"),
    ("pause", "[why]", "nothing more is done to the cluster, at once; /sre resume ends it"),
    ("resume", "", "ends a pause"),
    ("verify", "", "whether the ledger's chain holds"),
    ("help", "", "this"),
)


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
    lines = [[code(f"/sre {name} {arguments}".strip()), text(f" {what}")] for name, arguments, what in COMMANDS]
    return message(
        f"You can ask me by /sre {', '.join(name for name, _, _ in COMMANDS)}, or by mentioning me in any thread",
        [
            rich([text("Type one of these in a channel:")]),
            bullets(lines),
            rich([text("In a thread, where Slack has no commands, mention me with a question, as in "),
                  code("@sre why is checkout slow?"), text(". On any message, "), code("Investigate this"),
                  text(" is under its ⋮ menu.")]),
            rich([text("In an incident's thread also "), code("@sre catch me up"), text(", "), code("take command"),
                  text(", "), code("severity 2"), text(", "), code("update …"), text(", "), code("resolve …"),
                  text("; its card has all of it under ⋯.")]),
            small("Nothing is changed by asking: what changes something is decided by policy, or by a click."),
        ],
    )  # fmt: skip
