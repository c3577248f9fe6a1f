"""A draft as markdown: of CommonMark only what a Slack canvas knows too. Foreign text is escaped, and links nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable

from blocks.parts import is_web
from core.postmortem import Draft, Part, Section, Sentence, Source
from workers.postmortem.words import one_line

MOST_BYTES = 100_000
_TITLES: dict[Part, str] = {
    "summary": "Summary", "impact": "Impact", "timeline": "Timeline (UTC)", "cause": "Cause", "well": "What went well",
    "badly": "What went badly", "actions": "Actions taken", "followups": "Follow-ups",
}  # fmt: skip
_EMPTY: dict[Part, str] = {
    "impact": "Nothing on record; write what customers noticed.", "cause": "Nothing on record.",
    "well": "Nothing on record.", "badly": "Nothing on record.", "actions": "None on record.",
    "followups": "None on record; add what you decide.", "summary": "Nothing on record.",
    "timeline": "Nothing on record.",
}  # fmt: skip
_SPECIAL = re.compile(r"([\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_]))")
_AT_START = re.compile(r"^(\s*)([#+=-]|\d{1,9}(?=[.)](?:\s|$)))")  # a heading or list of its own
_QUOTED = re.compile(r"`([^`\n]+)`")
_PINGS = re.compile(r"@(?=channel\b|here\b|everyone\b)", re.IGNORECASE)
_MENTION = re.compile(r"<(?=[!@#])")
_SCHEME = re.compile(r"://")
_MOST_SOURCES = 400


def as_markdown(draft: Draft) -> str:
    """At most `MOST_BYTES` of it; what is too long loses its list of sources first, then lines of its timeline."""
    whole = _whole(draft, _MOST_SOURCES)
    sources = _MOST_SOURCES
    while len(whole.encode()) > MOST_BYTES and sources:
        sources //= 2
        whole = _whole(draft, sources)
    shorter = draft
    while len(whole.encode()) > MOST_BYTES:
        shorter = _shortened(shorter)
        whole = _whole(shorter, sources)
    return whole


def escaped(text: str) -> str:
    """Foreign text in which nothing is markup, a mention or a link; `backticks` quote what a machine said."""
    parts = _QUOTED.split(one_line(text, 2000))
    return "".join(f"`{_MENTION.sub('‹', part)}`" if i % 2 else _plain(part) for i, part in enumerate(parts))


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _defused(text))


def _begins(text: str) -> str:
    """The beginning of an entry, where a sign would be a heading or a list."""
    return _AT_START.sub(lambda m: f"{m[1]}{m[2]}\\" if m[2].isdigit() else f"{m[1]}\\{m[2]}", text)


def _defused(text: str) -> str:
    return _SCHEME.sub("[:]//", _PINGS.sub("@ ", _MENTION.sub("‹", text)))


def _whole(draft: Draft, most_sources: int) -> str:
    lines = [f"# Postmortem of {draft.incident}: {escaped(draft.title)}", "", f"**{_mark(draft)}**", "", *_made(draft)]
    links = {source.id: source.link for source in draft.sources}
    for section in draft.sections:
        lines += ["", f"## {_TITLES[section.part]}", "", *_section(section, links)]
    lines += ["", "## Sources", "", *_sources(draft, most_sources)]
    return "\n".join(lines) + "\n"


def _mark(draft: Draft) -> str:
    still = " The incident is still open." if draft.still_open else ""
    return f"Draft, nobody has confirmed this.{still}"


def _made(draft: Draft) -> list[str]:
    """How it came about, which is not part of the story."""
    how = (f"Written by {escaped(draft.usage.model or 'Claude')} from the facts on record" if draft.writer == "claude"
           else "Assembled from the facts on record")  # fmt: skip
    said = [f"{how}, {draft.at:%Y-%m-%d %H:%M} UTC. Every sentence names its sources, listed at the end."]
    if draft.note:
        said.append(escaped(draft.note))
    if draft.replaced:
        said.append(
            f"{draft.replaced} of its sentences said more than their sources, so the facts stand there instead."
        )
    if draft.struck:
        said.append(f"{draft.struck} without a source were left out.")
    if draft.could_not_read:
        said.append(f"Not read: {escaped('; '.join(draft.could_not_read))}.")
    return [f"_{' '.join(said)}_"] if "_" not in "".join(said) else [" ".join(said)]


def _section(section: Section, links: dict[str, str | None]) -> list[str]:
    if not section.sentences:
        return [f"_{_EMPTY[section.part]}_"]
    box = "- [ ] " if section.part == "followups" else "- "
    lines = [f"{box}{_sentence(sentence, links)}" for sentence in section.sentences]
    if section.part == "summary":
        return [" ".join(_sentence(sentence, links) for sentence in section.sentences)]
    return lines


def _sentence(sentence: Sentence, links: dict[str, str | None]) -> str:
    text = _begins(escaped(sentence.text).rstrip())
    stop = "" if text.endswith((".", "…", "”", "?")) else "."
    return f"{text}{stop} {_cites(sentence.cites, links)}"


def _cites(cites: Iterable[str], links: dict[str, str | None]) -> str:
    """ "[L2–L4, e3, [M1](…)]": runs are folded; of messages the address is at hand, of the rest it is in the list."""
    shown = [_linked(one, links) for one in _runs(list(cites))]
    return f"[{', '.join(shown)}]"


def _linked(cite: str, links: dict[str, str | None]) -> str:
    url = links.get(cite) if cite.startswith("M") else None
    return f"[{cite}]({url})" if url and is_web(url) and not set(url) & set("()<> ") else cite


def _runs(cites: list[str]) -> list[str]:
    """Three or more neighbours of one kind as the first and the last."""
    found: list[list[str]] = []
    for cite in sorted(cites, key=lambda c: (c[0], int(c[1:]) if c[1:].isdigit() else 0)):
        last = found[-1][-1] if found else ""
        if last and last[0] == cite[0] and cite[1:].isdigit() and int(cite[1:]) == int(last[1:]) + 1:
            found[-1].append(cite)
        else:
            found.append([cite])
    return [each for run in found for each in ([f"{run[0]}–{run[-1]}"] if len(run) > 2 else run)]


def _sources(draft: Draft, most: int) -> list[str]:
    kinds = ("L is the ledger (sre-bot ledger show), e evidence of the investigation, M a message, P a query made now, "
             "C a change that was recorded.")  # fmt: skip
    lines = [f"_{kinds}_", ""]
    lines += [f"- {names}: {_source(source)}" for names, source in _folded(draft.sources[:most])]
    if len(draft.sources) > most:
        lines.append(f"- and {len(draft.sources) - most:,} more: sre-bot ledger show {draft.incident}")
    return lines


def _folded(sources: Iterable[Source]) -> Iterable[tuple[str, Source]]:
    """Neighbours that read alike are one line."""
    runs: list[list[Source]] = []
    for source in sources:
        if runs and source.id[0] == "L" and (runs[-1][-1].text, runs[-1][-1].link) == (source.text, source.link):
            runs[-1].append(source)
        else:
            runs.append([source])
    for run in runs:
        yield ", ".join(_runs([source.id for source in run])), run[0]


def _source(source: Source) -> str:
    text = escaped(one_line(source.text, 300))
    url = source.link
    return f"{text} ([open]({url}))" if url and is_web(url) and not set(url) & set("()<> ") else text


def _shortened(draft: Draft) -> Draft:
    """The longest part with a third of its sentences left out, in its middle."""
    longest = max(draft.sections, key=lambda s: sum(len(x.text) + 8 * len(x.cites) for x in s.sentences))
    kept = longest.sentences
    third = max(len(kept) // 3, 1)
    cut = longest.model_copy(update={"sentences": (*kept[:third], *kept[2 * third :])})
    if len(kept) <= 3:
        cut = longest.model_copy(update={"sentences": kept[: len(kept) - 1]})
    sections = tuple(cut if section is longest else section for section in draft.sections)
    return draft.model_copy(update={"sections": sections, "struck": draft.struck})
