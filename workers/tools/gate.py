"""The one gate before every tool: arguments checked, Secrets refused, repetitions sent back, results masked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import Absent, BadQuestion, SreError, ToolError
from core.log import get_logger
from core.mask import mask
from core.observation import Evidence
from workers.ports import Step
from workers.tools.kinds import is_secret
from workers.tools.registry import Tool, ToolContext
from workers.tools.results import Result, clean, excerpt, keepable
from workers.triage.reads import Deadline, read_each

AT_ONCE = 12  # calls of one turn, as many as reads run at once
_LONGEST_QUERY = 1_000
_LONGEST_TITLE = 80  # of a step that people see
# What reading JSON of an unforeseen shape raises.
_ODD_ANSWER = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
log = get_logger(__name__)


@dataclass(frozen=True)
class Call:
    """One call as a model makes it."""

    id: str
    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a call gave: foreign text with its evidence, or our words for why there is none. Clean and masked."""

    call_id: str
    text: str
    evidence: Evidence | None = None
    foreign: bool = False  # whether `text` holds words of others


class Gate:
    """The reads of one investigation. Not for use from several threads; the tools of one turn run in their own."""

    def __init__(
        self, tools: Sequence[Tool], ctx: ToolContext, secrets: tuple[str, ...], seen: Sequence[Evidence],
        on_step: Callable[[Step], None],
    ) -> None:  # fmt: skip
        """Args: `seen` is the evidence there is already; its ids are continued and its excerpts can be read again."""
        self.evidence: list[Evidence] = []
        self._tools = {tool.name: tool for tool in tools}
        self._ctx = ctx
        self._secrets = secrets
        self._on_step = on_step
        self._unread: dict[str, None] = {}
        self._done: dict[str, str] = {}  # a call in its one form, to the id of its evidence
        self._failed: dict[str, int] = {}
        numbers = [int(found[1]) for each in seen if (found := re.fullmatch(r"e(\d+)", each.id))]
        self._last_id = max(numbers, default=0)
        for each in seen:
            ctx.shelf.put(each.id, each.tool, each.query, each.excerpt)

    @property
    def could_not_read(self) -> tuple[str, ...]:
        return tuple(self._unread)

    def run(self, calls: Sequence[Call]) -> list[Answer]:
        """An answer to each call, in their order. Those that may run do so at once, each within its tool's time.

        Never raises for what a tool or a model does wrong.
        """
        answers: dict[str, Answer] = {}
        ready: dict[str, tuple[Tool, BaseModel, str]] = {}
        asked: dict[str, str] = {}
        for call in calls:
            checked = self._check(call)
            if isinstance(checked, str):
                answers[call.id] = Answer(call.id, checked)
            elif checked[2] in asked:
                answers[call.id] = Answer(call.id, "The same call stands in this turn already; read its result.")
            elif len(ready) >= AT_ONCE:
                answers[call.id] = Answer(
                    call.id, f"At most {AT_ONCE} calls run at once; ask again if you still need it."
                )
            else:
                ready[call.id] = checked
                asked[checked[2]] = call.id
        answers |= self._read(ready)
        return [answers[call.id] for call in calls]

    def _check(self, call: Call) -> tuple[Tool, BaseModel, str] | str:
        """The tool, its arguments and the call in its one form; or why it will not run."""
        tool = self._tools.get(call.name)
        if tool is None:
            return f"There is no such tool. The tools are: {', '.join(self._tools)}."
        try:
            args = tool.args.model_validate(dict(call.args))
        except ValidationError as error:
            return "These arguments do not fit: " + "; ".join(_fault(each) for each in error.errors()[:5]) + "."
        if any(is_secret(str(getattr(args, name, ""))) for name in ("kind", "target", "about")):
            return "Secrets are never read here. Whether one exists shows in the events of the pods that need it."
        form = _one_form(tool, args)
        if form in self._done:
            return f"You have asked this already: see {self._done[form]}. read_more shows what was left out of it."
        if self._failed.get(form, 0) >= 2:
            return "This failed twice already; find out another way, or say that it could not be read."
        return tool, args, form

    def _read(self, ready: Mapping[str, tuple[Tool, BaseModel, str]]) -> dict[str, Answer]:
        if not ready:
            return {}
        titles = {call_id: self._title(tool, args) for call_id, (tool, args, _) in ready.items()}
        for title in titles.values():
            self._on_step(Step(title=title, status="running"))
        deadline = Deadline.after(max(tool.timeout_s for tool, _, _ in ready.values()))
        reads = {call_id: partial(self._call, tool, args) for call_id, (tool, args, _) in ready.items()}
        results = read_each(reads, deadline)
        answers = {}
        for call_id, (tool, _, form) in ready.items():
            result = results[call_id]
            if isinstance(result, ToolError) and result.what == call_id:  # late; people know it by its title
                result = ToolError(titles[call_id], result.why)
            status = "failed" if isinstance(result, SreError) else "done"
            self._on_step(Step.model_validate({"title": titles[call_id], "status": status}))
            if isinstance(result, SreError):
                answers[call_id] = self._refusal(call_id, form, result)
            else:
                answers[call_id] = self._found(call_id, tool, form, result)
        return answers

    def _call(self, tool: Tool, args: BaseModel) -> Result:
        try:
            return tool.run(self._ctx, **{name: getattr(args, name) for name in type(args).model_fields})
        except _ODD_ANSWER as error:
            log.exception("tool_failed", tool=tool.name)
            raise ToolError(tool.name, "the answer has a shape that is not foreseen") from error

    def _found(self, call_id: str, tool: Tool, form: str, result: Result) -> Answer:
        text = self._safe(keepable(result.text))
        self._last_id += 1
        evidence = Evidence(
            id=f"e{self._last_id}", tool=result.source or tool.source, query=self._safe(result.query)[:_LONGEST_QUERY],
            excerpt=excerpt(text), observed_at=self._ctx.now(), link=self._safe(result.link) if result.link else None,
        )  # fmt: skip
        self.evidence.append(evidence)
        self._done[form] = evidence.id
        self._ctx.shelf.put(evidence.id, evidence.tool, evidence.query, text)
        return Answer(call_id, text, evidence, foreign=True)

    def _refusal(self, call_id: str, form: str, error: SreError) -> Answer:
        said = self._safe(str(error))
        self._failed[form] = self._failed.get(form, 0) + 1
        if not isinstance(error, Absent | BadQuestion):  # these are answers, or the model's own slips
            self._unread[said] = None
        return Answer(call_id, f"This could not be read: {said}", foreign=True)

    def _title(self, tool: Tool, args: BaseModel) -> str:
        said = {name: str(getattr(args, name)) for name in type(args).model_fields}
        said = {name: value.rpartition("/")[2] if name == "target" else value for name, value in said.items()}
        title = re.sub(r" (?:in|of|for) $", "", tool.doing.format(**said))
        line = " ".join(self._safe(title).split())
        return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"

    def _safe(self, text: str) -> str:
        return mask(clean(text), self._secrets)


def _one_form(tool: Tool, args: BaseModel) -> str:
    """The same text for calls that ask for the same: spaces, plurals and small differences in amounts aside."""
    form: dict[str, Any] = {}
    for name in type(args).model_fields:
        value = getattr(args, name)
        if name in tool.amounts:
            form[name] = round(math.log2(value + 1))
        elif name == "kind":
            form[name] = str(value).lower().rstrip("s")
        elif isinstance(value, str):
            form[name] = " ".join(value.split())
        else:
            form[name] = value
    return json.dumps([tool.name, form], sort_keys=True)


def _fault(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the arguments"
    return f"{where}: {error['msg']}"
