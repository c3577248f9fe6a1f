"""`/sre handoff`: what is to be handed over, to whoever asks; posted only when they say so."""

from __future__ import annotations

from blocks.handoff import handoff_view
from blocks.replies import reply
from bot.answering import Place
from core.handoff import NOTE_CHARS, leave_note, read_handoff
from core.mask import mask
from core.outbox import Message, View
from core.queues import DELIVER
from core.records import Records

_AGAIN_S = 600


def handoff(rest: str, user: str, records: Records) -> View:
    """The handoff as it stands now; with `note …`, what the next one says too. Reads Redis only."""
    word, _, said = rest.strip().partition(" ")
    if word.lower() == "note":
        return _note(said.strip(), user, records)
    if rest.strip():
        return reply("Say /sre handoff, or /sre handoff note and what whoever comes next should know.")
    return handoff_view(read_handoff(records), records.now(), addressed=False, post=True)


def on_post(place: Place, records: Records) -> View:
    """Post it in the channel where it was asked for, once in ten minutes."""
    if not records.requests.first_time(f"handoff-post:{place.channel}", _AGAIN_S):
        return reply("It was posted here within the last ten minutes, so it is not posted again.")
    now = records.now()
    key = f"handoff/{place.channel}/asked-{int(now.timestamp())}"
    view = handoff_view(read_handoff(records), now, addressed=False)
    records.outbox.put(Message(key=key, channel=place.channel, view=view))
    records.queues.enqueue("notify", DELIVER, key)
    records.ledger.append("handoff.posted", actor=place.user, at=now, data={"channel": place.channel})
    return reply("It is posted.")


def _note(said: str, user: str, records: Records) -> View:
    if not said:
        return reply("Say what to note, as in /sre handoff note the importer is slow until Monday.")
    clean = " ".join(mask(said, records.settings.secrets()).split())
    leave_note(clean, user, records)
    cut = f" Its first {NOTE_CHARS} characters." if len(clean) > NOTE_CHARS else ""
    return reply(f"Noted for the next handoff; another note replaces it.{cut}")
