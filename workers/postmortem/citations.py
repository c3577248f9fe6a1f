"""Whether a sentence rests on what it cites. What is not certain to is left out, or said in the fact's own words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from core.postmortem import Sentence, Source

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORDS = {word: str(number) for number, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve".split()
) if number > 1} | {"hundred": "100", "thousand": "1000", "half": "50", "dozen": "12", "twice": "2"}  # fmt: skip
_NAME = re.compile(r"@[\w.-]+|`[^`\n]{1,300}`|\b[A-Z]\w*/[\w.-]+|\b(?:INC|ACT|INV)-\d+\b|\b\w+[._/-]\w[\w./-]*")
_LONG_WORD = re.compile(r"[^\W\d_]{5,}")
_STEM = 5  # letters by which a word is known again in another form
_SUPPORTED = 0.5  # share of the long words of a sentence that its facts must hold; guessed, and tried on the corpus
_LONGEST = 500
_LINK = re.compile(r"https?:|www\.|<[@!#]", re.IGNORECASE)


def cited(sentences: Iterable[Sentence], known: Collection[str]) -> tuple[tuple[Sentence, ...], int]:
    """The sentences that cite something that exists, citing only that; and how many were struck out."""
    kept: list[Sentence] = []
    struck = 0
    for sentence in sentences:
        cites = tuple(dict.fromkeys(cite for cite in sentence.cites if cite in known))
        if cites and sentence.text.strip():
            kept.append(sentence.model_copy(update={"cites": cites}))
        else:
            struck += 1
    return tuple(kept), struck


def bears_out(text: str, facts: Sequence[Sentence]) -> bool:
    """Whether a sentence that a model wrote says no figure, name or matter that the facts which it cites do not."""
    if not facts or not text.strip() or len(text) > _LONGEST or _LINK.search(text):
        return False
    said = "\n".join(fact.text for fact in facts)
    low = said.lower()
    numbers = set(_NUMBER.findall(said))
    if not all(_is_said(number, numbers) for number in _NUMBER.findall(text)):
        return False
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in _WORDS and word not in low and _WORDS[word] not in numbers:
            return False
    if not all(found.strip("`.,;").lower() in low for found in _NAME.findall(text)):
        return False
    if any(fact.by and fact.by.lower() not in text.lower() for fact in facts):
        return False  # what one person said is not told as if it were so
    stems = {word[:_STEM] for word in _LONG_WORD.findall(low)}
    long_words = [word[:_STEM] for word in _LONG_WORD.findall(text.lower())]
    return sum(word in stems for word in long_words) >= _SUPPORTED * len(long_words)


def _is_said(number: str, numbers: Collection[str]) -> bool:
    """A time may lose its seconds; nothing else is rounded."""
    return number in numbers or (":" in number and any(held.startswith(f"{number}:") for held in numbers))


def in_order(cites: Iterable[str], sources: Mapping[str, Source]) -> tuple[Source, ...]:
    """The sources of these, in the order in which sources are listed."""
    wanted = set(cites)
    return tuple(source for name, source in sources.items() if name in wanted)
