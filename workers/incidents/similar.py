"""Past incidents like one, for whoever asked alone."""

from __future__ import annotations

from blocks.command import similar_view, told
from blocks.parts import text
from core.errors import ToolError, Unreachable
from core.incident import Incident
from core.log import get_logger
from core.outbox import View
from core.request import Request
from workers.telling import tell
from workers.world import World

log = get_logger(__name__)

_MOST_SYMPTOMS = 10
_MOST_HITS = 5


def similar(request: Request, world: World) -> None:
    """Ask the memory and answer. Raises: Transient while Slack puts it off."""
    incident = world.records.incidents.get(request.text)
    if world.slack:
        tell(request, _found(incident, world), world.slack)


def _found(incident: Incident, world: World) -> View:
    symptoms = dict.fromkeys(f"{alert.name}: {alert.summary}" for alert in incident.alerts[:_MOST_SYMPTOMS])
    words = "\n".join([incident.title, *symptoms, incident.headline or ""])
    try:
        hits = world.outside.memory.search_incidents(words, _MOST_HITS + 1)
    except (ToolError, Unreachable) as error:
        log.warning("memory_unreadable", why=str(error))
        return told(text("I cannot read my memory at this moment, so I do not know what is like it; ask again later."))
    others = tuple(hit for hit in hits if hit.id != incident.id)[:_MOST_HITS]
    return similar_view(incident, others, world.records.now())
