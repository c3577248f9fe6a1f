"""One case between us and Claude: turn by turn, from the first message to a draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.diagnosis import Draft
from core.errors import Unreachable
from workers.ports import Step
from workers.reasoners.answer import CONCLUDE, Conclusion, check, claims
from workers.reasoners.budget import Budget, Spent
from workers.reasoners.fence import Fence
from workers.reasoners.messages_api import MessagesApi
from workers.reasoners.prompt import introduction
from workers.reasoners.transcript import Block, Transcript
from workers.tools.gate import Answer, Call, Gate
from workers.tools.results import cut

MAX_SHOWN = 16_000  # characters of one result, about 4,000 tokens
MAX_SHOWN_TURN = 64_000  # of all results of one turn
_NEARLY = 0.8  # share of the budget after which it is told to come to an end
_LAST_TURNS = 2  # turns that it gets to conclude once the budget is used up

NEARLY = "Most of the budget is used. Conclude now with what you have, unless one more read would decide it."
USED_UP = "The budget is used up, so nothing more is read. Call conclude now with what you have."
UNFINISHED = "Your answer was not a call of a tool. Read on, or call conclude to end."
CUT_OFF = "Your answer was longer than is allowed and was cut off. Answer shorter."


class Conversation:
    """Used once."""

    def __init__(
        self, api: MessagesApi, gate: Gate, spent: Spent, budget: Budget, secrets: tuple[str, ...],
        on_step: Callable[[Step], None],
    ) -> None:  # fmt: skip
        self._api = api
        self._gate = gate
        self._spent = spent
        self._budget = budget
        self._secrets = secrets
        self._on_step = on_step
        self._fence = Fence()
        self._transcript = Transcript()
        self._second_chances = {"conclude": 1, "prose": 1, "length": 1}
        self._turns_over = 0

    def run(self, fixed: Mapping[str, Any], case_text: str) -> Draft:
        """Ask and read until it concludes, fails twice at the same, or the budget ends. Raises: Unreachable."""
        opening = introduction(self._fence.opening, self._fence.closing)
        self._transcript.say([_text(f"{opening}\n{self._fence.around(case_text)}")])
        while True:
            message = self._ask(fixed)
            calls = [Call(b.id, b.name, b.input) for b in message.content if b.type == "tool_use"]
            if message.stop_reason == "refusal":
                return self._unknown("Claude declined to look at this.")
            if message.stop_reason in ("max_tokens", "model_context_window_exceeded"):
                # Its last part may be half a call, so it is left out whole.
                if not self._another_chance("length"):
                    return self._unknown("Claude's answers were too long to be read.")
                self._transcript.say([_text(CUT_OFF)])
                continue
            self._transcript.answered([_block(each) for each in message.content])
            final = next((call for call in calls if call.name == CONCLUDE), None)
            if final:
                conclusion = check(final.args, self._secrets)
                if isinstance(conclusion, Conclusion):
                    return self._draft(conclusion)
                if not self._another_chance("conclude"):
                    return self._unknown("Claude's conclusion was not usable, twice.")
                self._transcript.say([_result(call, _told_again(call, conclusion), is_error=True) for call in calls])
            elif not calls:
                if not self._another_chance("prose"):
                    return self._unknown("Claude did not conclude.")
                self._transcript.say([_text(UNFINISHED)])
            elif self._turns_over >= _LAST_TURNS:
                return self._unknown("Claude's budget ended before it came to a conclusion.")
            else:
                self._transcript.say(self._results(calls))

    def _ask(self, fixed: Mapping[str, Any]) -> Any:
        waits: list[str] = []

        def waiting(what: str) -> None:
            title = f"Waiting, since {what}"
            if title not in waits:
                waits.append(title)
                self._on_step(Step(title=title, status="running"))

        latest = self._spent.started + 1.5 * self._budget.seconds  # a turn that began in time may end
        try:
            message = self._api.turn({**fixed, "messages": self._transcript.messages}, self._spent, latest, waiting)
        except Unreachable:
            for title in waits:
                self._on_step(Step(title=title, status="failed"))
            raise
        for title in waits:
            self._on_step(Step(title=title, status="done"))
        self._spent.steps += 1
        return message

    def _results(self, calls: Sequence[Call]) -> list[Block]:
        """The answers to its calls, and a word about the budget when that runs out."""
        share = self._spent.share(self._budget)
        if share >= 1:
            self._turns_over += 1
            return [_result(call, USED_UP, is_error=True) for call in calls]
        limit = min(MAX_SHOWN, MAX_SHOWN_TURN // len(calls))
        answers = zip(calls, self._gate.run(calls), strict=True)
        blocks = [_result(call, self._shown(answer, limit), answer.evidence is None) for call, answer in answers]
        return [*blocks, _text(NEARLY)] if share >= _NEARLY else blocks

    def _shown(self, answer: Answer, limit: int) -> str:
        evidence = answer.evidence
        if evidence is None:
            return self._fence.around(answer.text) if answer.foreign else answer.text

        def note(offset: int) -> str:
            return f'read_more(result_id="{evidence.id}", offset={offset})'

        inside = self._fence.around(f"{evidence.query}\n{cut(answer.text, limit, note)}")
        return f"{evidence.id}, read {evidence.observed_at:%H:%M:%S} UTC\n{inside}"

    def _another_chance(self, mistake: str) -> bool:
        self._second_chances[mistake] -= 1
        return self._second_chances[mistake] >= 0

    def _draft(self, conclusion: Conclusion) -> Draft:
        return self._unknown(None).model_copy(
            update={
                "root_cause": conclusion.causes(),
                "known": conclusion.known,
                "confidence": conclusion.confidence,
                "claims": claims(conclusion.claims),
                "ruled_out": claims(conclusion.ruled_out),
                "look_next": tuple(conclusion.look_next),
                "actions": conclusion.proposes(),
                "runbook": conclusion.runbook,
            }
        )

    def _unknown(self, why: str | None) -> Draft:
        """A draft that knows nothing but what was read."""
        costs = None if self._spent.has_price else f"What it cost is unknown: no price of {self._spent.model} is known."
        return Draft(
            root_cause=None, known=False, confidence=0.0, evidence=tuple(self._gate.evidence),
            could_not_read=self._gate.could_not_read, reasoner="claude", usage=self._spent.usage(),
            note=" ".join(each for each in (why, costs) if each) or None,
        )  # fmt: skip


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _result(call: Call, text: str, is_error: bool) -> Block:
    return {"type": "tool_result", "tool_use_id": call.id, "content": text, "is_error": is_error}


def _told_again(call: Call, faults: str) -> str:
    if call.name != CONCLUDE:
        return "Not run, since conclude was called in the same turn."
    return f"This conclusion cannot be used: {faults}. Call conclude again with that mended."


def _block(block: Any) -> Block:
    """A part of the model's answer as it goes back to the API: unchanged, or its thinking would be refused."""
    kept: Block = block.to_dict()
    kept.pop("parsed_output", None)
    return kept
