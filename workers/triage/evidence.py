"""Numbers the reads that findings and the rest cite: e1, e2 and on, in the order in which they are first cited."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from core.mask import mask
from core.observation import Evidence
from workers.triage.draft import Source

LONGEST = 2000  # of an excerpt, as core.observation promises
WHOLE = 40  # excerpts kept at full length; a cluster that burns everywhere is told in fewer words each
SHORT = 300


class Exhibits:
    """Collects evidence; the same read cited twice is one piece."""

    def __init__(self, server: str, at: datetime) -> None:
        """
        Args:
            server: Address of the Kubernetes API, for links.
        """
        self._server = server
        self._at = at
        self._made: dict[tuple[str, str], Evidence] = {}

    def cite(self, tool: str, query: str, show: Callable[[], str], link: str | None) -> str:
        """The id of that read; `show` is asked for its text the first time only."""
        known = self._made.get((tool, query))
        if known:
            return known.id
        limit = LONGEST if len(self._made) < WHOLE else SHORT
        made = Evidence(
            id=f"e{len(self._made) + 1}", tool=tool, query=query, excerpt=cut(mask(show()), limit),
            observed_at=self._at, link=link,
        )  # fmt: skip
        self._made[tool, query] = made
        return made.id

    def cite_all(self, sources: Iterable[Source]) -> tuple[str, ...]:
        """The ids of reads of the Kubernetes API."""
        return tuple(
            self.cite("kubernetes", f"GET {source.path}", source.show, self._server + source.path) for source in sources
        )  # fmt: skip

    def all(self) -> tuple[Evidence, ...]:
        return tuple(self._made.values())


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the end replaced by "…" where there were more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
