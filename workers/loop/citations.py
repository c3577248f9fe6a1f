"""Whether what a reasoner claims rests on what was read. A claim is struck only where that is certain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from core.diagnosis import Case, Claim, RootCause
from core.model import Model
from core.observation import Evidence
from workers.reasoners.words import clean

_CUT = 250  # an excerpt this close to its limit, or that ends in "…", may have been cut; what it lacks proves nothing
_LONGEST = 2000
_QUOTED = re.compile(r"`([^`]{12,})`|\"([^\"]{12,})\"|“([^”]{12,})”")
_GAPS = re.compile(r"…|\.{3,}|\[masked\]")
_OBJECT = re.compile(
    r"\b(?:Pod|Deployment|StatefulSet|DaemonSet|ReplicaSet|Job|CronJob|Node|Service|Ingress|PersistentVolumeClaim|"
    r"ConfigMap|Secret|Namespace|HorizontalPodAutoscaler)/([a-z0-9][a-z0-9.-]*[a-z0-9])"
)


class Citations:
    """All that was read in one case, by evidence id."""

    def __init__(self, case: Case, evidence: Mapping[str, Evidence]) -> None:
        self._known = evidence
        seen = case.observation
        cited = (*seen.findings, *seen.changes, *seen.logs, *seen.readings, *seen.workloads)
        texts = [_text(item) for item in (*cited, *seen.alerts)]
        self._seen = _plain("\n".join((*texts, *(f"{each.query}\n{each.excerpt}" for each in evidence.values()))))
        self._all = self._seen + _plain(f" {_text(case.subject)} {_text(case.recall)}")
        self._whole = not any(_may_be_cut(each.excerpt) for each in evidence.values())

    def checked(self, claims: Iterable[Claim]) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
        """The claims that stand, citing only evidence that exists; and the texts of those struck out."""
        kept, struck = list[Claim](), list[str]()
        for claim in claims:
            known = tuple(dict.fromkeys(i for i in claim.evidence if i in self._known))
            if known and self._could_say(claim.text):
                kept.append(Claim(text=claim.text, evidence=known))
            else:
                struck.append(claim.text)
        return tuple(kept), tuple(struck)

    def names(self, cause: RootCause) -> bool:
        """Whether the target, and its namespace if it has one, occur in anything that was read."""
        target = cause.target.rpartition("/")[2]
        return _occurs(target, self._seen) and (not cause.namespace or _occurs(cause.namespace, self._seen))

    def _could_say(self, text: str) -> bool:
        """False for objects that occur nowhere and, when no excerpt was cut, for quotations that occur nowhere."""
        if not all(_occurs(found[1], self._all) for found in _OBJECT.finditer(text)):
            return False
        quotations = (next(filter(None, found.groups())) for found in _QUOTED.finditer(text))
        return not self._whole or all(self._holds(words) for words in quotations if words.count(" ") >= 2)

    def _holds(self, quotation: str) -> bool:
        return all(_plain(part) in self._all for part in _GAPS.split(quotation))


def _occurs(name: str, text: str) -> bool:
    return bool(name) and re.search(rf"(?<![a-z0-9]){re.escape(name.lower())}(?![a-z0-9])", text) is not None


def _text(item: Model) -> str:
    """Every text in it, as written."""
    return "\n".join(_strings(item.model_dump(mode="json")))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif value is not None:
        yield str(value)


def _plain(text: str) -> str:
    return clean(text, max(len(text), 1)).replace("`", "'").lower()


def _may_be_cut(excerpt: str) -> bool:
    return len(excerpt) >= _LONGEST - _CUT or "…" in excerpt or "[..." in excerpt
