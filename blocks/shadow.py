"""`/sre shadow`: what I would have done, whether people did it, and what is missing before I may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from blocks.parts import Block, Line, bold, bullets, code, counted, message, rich, small, text
from core.outbox import View
from core.shadow import AGREES, ENOUGH, ShadowReport, TypeRecord

_MOST_TYPES = 12


def shadow_view(found: ShadowReport, service: str | None, sentences: Mapping[str, str]) -> View:
    """The report. `sentences` says what each of the policy's codes means."""
    of = f" of {service}" if service else ""
    if not found.types:
        return _nothing(found, of)
    free = sum(each.free for each in found.types)
    head = f"Shadow mode{of}, {found.period.name}"
    summary = f"{counted(found.proposals, 'proposal')} by kind of alert; {free} of them I would have done alone"
    blocks: list[Block] = [rich([bold(head, 200)], [text(f"{summary}.")])]
    for each in found.types[:_MOST_TYPES]:
        blocks += [rich(*_lines(each)), bullets([[text(line, 300)] for line in missing(each, found.mode, sentences)])]
    if len(found.types) > _MOST_TYPES:
        blocks.append(small(f"and {len(found.types) - _MOST_TYPES} kinds with fewer proposals"))
    blocks.append(small("Agreed: people did the same, by what they said or by what changed on the target",
                        "a proposal under several alerts counts for each"))  # fmt: skip
    return message(f"{head}: {summary}", blocks)


def missing(each: TypeRecord, mode: str, sentences: Mapping[str, str]) -> list[str]:
    """What stands between this kind of alert and acting alone on it, a sentence each."""
    return list(_missing(each, mode, sentences))


def _missing(each: TypeRecord, mode: str, sentences: Mapping[str, str]) -> Iterator[str]:
    lacks = False
    if each.compared < ENOUGH:
        lacks = True
        yield f"Too little to judge: {each.compared} of {ENOUGH} comparisons. Say what fixed it when an incident ends."
    elif not each.has_proved_itself:
        lacks = True
        share = _percent(each.agreement)
        yield f"People did the same in {share} of the cases; a record to trust has {_percent(AGREES)}."
    if each.free < each.proposals and each.obstacles:
        worst, times = each.obstacles[0]
        yield f"{times} of {each.proposals} would wait for a person all the same: {sentences.get(worst) or worst}"
    if lacks:
        return
    if not each.listed:
        yield "The record is there; what is missing is its name in autonomy.alert_types."
    elif mode != "autonomous":
        yield "The record is there and it is listed; what is missing is /sre mode autonomous."
    else:
        yield "Nothing is missing: I act on it alone, inside the limits."


def _lines(each: TypeRecord) -> Iterator[Line]:
    yield [bold(each.alert_type, 150), text(f" · {counted(each.proposals, 'proposal')}, {each.free} I would have done")]
    if each.compared:
        share = f" ({_percent(each.agreement)})" if each.compared >= ENOUGH else ""
        rest = f", {each.unknown} not known" if each.unknown else ""
        yield [text(f"People did the same {each.agreed} of {each.compared} times{share}{rest}")]
    else:
        yield [text("Nothing tells yet what people did")]
    if each.judged:
        yield [text(f"Diagnoses judged right: {each.judged[0]} of {each.judged[1]}")]


def _percent(share: float | None) -> str:
    return f"{round((share or 0) * 100)} %"


def _nothing(found: ShadowReport, of: str) -> View:
    said = f"Shadow mode kept no proposal back{of} in {found.period.name}"
    why = (
        "A proposal stands here once its incident has ended, so that what people did can be told."
        if found.mode == "shadow"
        else f"The mode is {found.mode}, so people decide on proposals as they come; "
    )
    line: Line = [bold(f"{said}. ", 300), text(why)]
    more: Line = [] if found.mode == "shadow" else [code("/sre metrics"), text(" has the approvals.")]
    return message(said, [rich([*line, *more])])
