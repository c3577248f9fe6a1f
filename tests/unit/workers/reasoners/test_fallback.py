from __future__ import annotations

from collections.abc import Callable

import pytest

from core.diagnosis import Case, Draft
from core.errors import Unreachable
from tests.unit.workers.reasoners.scenes import Scene
from workers.ports import Step
from workers.reasoners.fallback import FallbackReasoner


class Answers:
    def __init__(self, note: str | None = None) -> None:
        self.note = note

    def explain(self, case: Case, on_step: Callable[[Step], None]) -> Draft:
        return Draft(root_cause=None, known=False, confidence=0.5, reasoner="runbooks", note=self.note)


class Gone:
    def explain(self, case: Case, on_step: Callable[[Step], None]) -> Draft:
        raise Unreachable("Claude does not answer.")


def test_the_second_answers_for_one_that_is_gone_and_says_so() -> None:
    steps: list[Step] = []
    draft = FallbackReasoner(Gone(), Answers("Nothing called x was seen.")).explain(Scene().case(), steps.append)
    assert draft.note == "Claude could not be reached, so runbooks answered. Nothing called x was seen."
    assert [step.status for step in steps] == ["failed"]


def test_the_first_is_enough() -> None:
    assert FallbackReasoner(Answers(), Gone()).explain(Scene().case(), lambda step: None).note is None


def test_nobody_left_is_said() -> None:
    with pytest.raises(Unreachable):
        FallbackReasoner(Gone(), Gone()).explain(Scene().case(), lambda step: None)
