"""Who changed something, as far as the cluster says: our own mark, managed fields, annotations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from workers.actions.base import MARK
from workers.changes.place import LONGEST_NOTE, said
from workers.triage.objects import Obj, annotations_of, containers_of, labels_of, moment, spec_of

US = "sre-bot"
AUTOSCALER = "HPA"
CAUSE = "kubernetes.io/change-cause"
_CONTROLLERS = frozenset({"kube-controller-manager", "kubelet", "kube-scheduler"})
# Names of client libraries, which say nothing of who used them.
_NOBODY = re.compile(
    r"(?:Go-http-client|OpenAPI-Generator|python-requests|unknown|before-first-apply|Mozilla|curl)\b", re.I
)
_ARGO = ("argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance")
_ASSIGNED = re.compile(r"([\w.-]+)=\S+")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9./-]*")
_SHORTEST_HIDDEN = 4  # values of variables that are hidden where a note quotes them; shorter ones are words


class Hand(NamedTuple):
    """Who wrote a field, and when."""

    by: str  # "" when nothing says
    at: datetime | None


def hand_on(obj: Obj, *path: str) -> Hand:
    """Who wrote the field last, as `hand_on(obj, "spec", "template")`: a part of it is enough."""
    found = Hand("", None)
    for entry in obj["metadata"].get("managedFields") or ():
        at = moment(entry.get("time"))
        if entry.get("subresource") == "status" or not _holds(entry.get("fieldsV1") or {}, path):
            continue
        if found.at is None or (at and at >= found.at):
            found = Hand(str(entry.get("manager") or ""), at)
    return found


def named(hand: Hand, obj: Obj) -> str:
    """The hand's name as people know it; what keeps the object in order where the name is that of a library."""
    if hand.by in _CONTROLLERS:
        return ""
    if hand.by and not _NOBODY.match(hand.by):
        return said(hand.by, 60)
    held = {**annotations_of(obj), **labels_of(obj)}
    if any(key in held for key in _ARGO):
        return "Argo CD"
    return "Helm" if held.get("app.kubernetes.io/managed-by") == "Helm" else ""


def is_ours(obj: Obj, mark: str | None) -> bool:
    """Whether the bot's mark on it is another than it was: then the bot changed it."""
    now = annotations_of(obj).get(MARK)
    return now is not None and now != mark


def mark_of(obj: Obj) -> str | None:
    return annotations_of(obj).get(MARK)


def cause_of(notes: Mapping[str, str], *templates: Obj) -> str:
    """What was written down about it. `kubectl --record` writes whole command lines, with values: of these only the
    plain words are kept. Values of the templates' variables are left out wherever they stand."""
    text = notes.get(CAUSE) or ""
    for value in sorted(set(_values(templates)), key=len, reverse=True):
        text = text.replace(value, "…")
    if text.startswith("kubectl"):
        words = text.split()
        kept = next((i for i, word in enumerate(words) if not _PLAIN.fullmatch(word)), len(words))
        text = " ".join(words[:kept])
    return said(_ASSIGNED.sub(r"\1=…", text), LONGEST_NOTE)


def _values(templates: tuple[Obj, ...]) -> list[str]:
    held = (each for template in templates for container in containers_of(spec_of(template))
            for each in container.get("env") or ())  # fmt: skip
    return [str(each["value"]) for each in held if len(str(each.get("value") or "")) >= _SHORTEST_HIDDEN]


def _holds(fields: Any, path: tuple[str, ...]) -> bool:
    for step in path:
        if not isinstance(fields, dict) or f"f:{step}" not in fields:
            return False
        fields = fields[f"f:{step}"]
    return True
