"""Runbooks that are near to somebody's words, for whoever asked alone."""

from __future__ import annotations

import re

from blocks.replies import reply
from blocks.runbooks import runbooks_view
from core.diagnosis import RunbookHit
from core.errors import SreError
from core.log import get_logger
from core.mask import mask
from core.outbox import View
from core.request import Request
from workers.loop.reason import policy_floors
from workers.ports import Memory
from workers.telling import tell
from workers.world import World

log = get_logger(__name__)

_MOST = 5
_NO_PROSE = re.compile(r"[#>|`-]|\d+\.")


def find_runbooks(request: Request, world: World) -> None:
    """Ask the memory and answer. Raises: Transient while Slack puts it off."""
    if world.slack:
        tell(request, _found(request.text, world), world.slack)


def _found(words: str, world: World) -> View:
    secrets = world.records.settings.secrets()
    try:
        memory = world.outside.memory
        hits = memory.search_runbooks(words, _MOST)
        shown = tuple(
            hit.model_copy(update={"title": mask(hit.title, secrets), "excerpt": mask(_opening(hit, memory), secrets)})
            for hit in sorted(hits, key=lambda hit: hit.score, reverse=True)  # they come ranked by their words too
        )
    except SreError as error:
        log.warning("memory_unreadable", why=str(error))
        return reply("I cannot read my memory at this moment, so I know of no runbook; ask again later.")
    return runbooks_view(words, shown, policy_floors().similarity)


def _opening(hit: RunbookHit, memory: Memory) -> str:
    """The runbook's first paragraph, which says what it is for; else the piece that was found."""
    found = memory.runbook(hit.id)
    paragraphs = re.split(r"\n\s*\n", found.text) if found else []
    prose = (each.strip() for each in paragraphs if not _NO_PROSE.match(each.strip()))
    return next((each for each in prose if each), hit.excerpt)
