"""The first reasoner that can be asked."""

from __future__ import annotations

from collections.abc import Callable

from core.diagnosis import Case, Draft
from core.errors import Unreachable
from core.log import get_logger
from workers.ports import Reasoner, Step

log = get_logger(__name__)


class FallbackReasoner:
    """Asks `first`, and `second` when the first cannot be reached; the draft then says so.

    Args:
        name: Of the first, as people know it: "Claude".
    """

    def __init__(self, first: Reasoner, second: Reasoner, name: str = "Claude") -> None:
        self._first, self._second, self._name = first, second, name

    def explain(self, case: Case, on_step: Callable[[Step], None]) -> Draft:
        """Raises: Unreachable when neither can be asked."""
        try:
            return self._first.explain(case, on_step)
        except Unreachable as error:
            log.warning("reasoner_unreachable", reasoner=self._name, why=str(error))
            on_step(Step(title=f"Asking {self._name}", status="failed"))
        draft = self._second.explain(case, on_step)
        said = f"{self._name} could not be reached, so runbooks answered."
        return draft.model_copy(update={"note": f"{said} {draft.note}" if draft.note else said})
