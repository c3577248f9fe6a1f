"""ConfigMaps: which keys changed. Values are compared by a keyed hash, and never kept or told."""

from __future__ import annotations

import hashlib
import re

from core.change_events import ChangeEvent
from core.model import Model
from core.observation import FieldChange
from workers.changes import who
from workers.changes.damping import Run, go_on
from workers.changes.place import Place, said
from workers.reasoners.words import listed
from workers.triage.objects import Obj, annotations_of, labels_of, name_of, namespace_of

MOST_KEYS = 20
# What programs write for themselves, all day long: leaders, their status, authorities' certificates, Helm's records.
_NOISE = re.compile(r".*-leader(?:-election)?|.*-status|.*root-ca\.crt|.*-ca-root-cert|sh\.helm\.release\..*|.*\.lock")
# Two words about one key, in turn, as one; what was added and removed again is not told.
_TWO = {("added", "changed"): "added", ("added", "removed"): "", ("removed", "added"): "changed"}
_LEADER = "control-plane.alpha.kubernetes.io/leader"


class Facts(Model):
    """All that is kept of a ConfigMap."""

    uid: str
    keys: dict[str, str] = {}  # key to a hash of its value, which without the salt says nothing
    editing: Run | None = None


def facts_of(config: Obj, salt: str, before: Facts | None = None) -> Facts | None:
    """What is kept of it now; None for one that a program keeps for itself."""
    if (
        _NOISE.fullmatch(name_of(config))
        or _LEADER in annotations_of(config)
        or labels_of(config).get("owner") == "helm"
    ):
        return None
    held = {**(config.get("data") or {}), **(config.get("binaryData") or {})}
    keys = {str(key): _hash(str(value), salt) for key, value in held.items()}
    return Facts(uid=str(config["metadata"].get("uid")), keys=keys, editing=before.editing if before else None)


def edited(
    config: Obj, before: Facts | None, now: Facts, users: tuple[str, ...], place: Place
) -> tuple[ChangeEvent, Run]:
    """That keys changed, and the run that this belongs to.

    Args:
        before: None for a new one.
        users: Workloads whose pods use it, as "Deployment/checkout".
    """
    old = before.keys if before else {}
    verbs = {key: _verb(key, old, now.keys) for key in sorted({**old, **now.keys}) if old.get(key) != now.keys.get(key)}
    hand = who.hand_on(config, "data")
    at = min(hand.at or place.now, place.now)
    meta = config["metadata"]
    by, mark = who.named(hand, config), f"{meta.get('uid')}:{meta.get('resourceVersion')}"
    seen = tuple(f"{verb} {key}" for key, verb in verbs.items())
    run = go_on(now.editing, at, mark, by=by, seen=seen)
    changes = _last_words(run)
    target, namespace = f"ConfigMap/{name_of(config)}", namespace_of(config)
    fields = [
        FieldChange.model_validate({"field": f"key {said(key, 80)}", "verb": verb}) for key, verb in changes.items()
    ]
    event = place.event(
        "edited", run.mark, kind="config", target=target, namespace=namespace, at=run.first, by=by,
        title=_title(changes, is_new=before is None and run.times == 1, users=users), fields=tuple(fields[:MOST_KEYS]),
        service=_service(users, namespace, place),
    )  # fmt: skip
    return event, run


def removed(name: str, namespace: str, before: Facts, users: tuple[str, ...], place: Place) -> ChangeEvent:
    used = f", used by {listed(users, 2)}" if users else ""
    return place.event(before.uid, "removed", kind="config", target=f"ConfigMap/{name}", namespace=namespace,
                       title=f"removed{used}", service=_service(users, namespace, place))  # fmt: skip


def _title(changes: dict[str, str], is_new: bool, users: tuple[str, ...]) -> str:
    used = f"; used by {listed(users, 2)}" if users else ""
    if is_new:
        return f"new, with {listed([said(key, 60) for key in changes], 4) or 'no keys'}{used}"
    return listed([f"{said(key, 60)} {verb}" for key, verb in changes.items()], 4) + used


def _last_words(run: Run) -> dict[str, str]:
    """What the whole run did to each key."""
    found: dict[str, str] = {}
    for each in run.seen:
        verb, _, key = each.partition(" ")
        both = _TWO.get((found.get(key, ""), verb), verb)
        found = {other: word for other, word in found.items() if other != key} | ({key: both} if both else {})
    return found


def _service(users: tuple[str, ...], namespace: str, place: Place) -> str | None:
    """The service of those that use it, where it is one."""
    services = {place.service(namespace, user) for user in users}
    return next(iter(services)) if len(services) == 1 else None


def _verb(key: str, old: dict[str, str], new: dict[str, str]) -> str:
    return "added" if key not in old else "removed" if key not in new else "changed"


def _hash(value: str, salt: str) -> str:
    return hashlib.blake2b(value.encode(), key=salt.encode(), digest_size=8).hexdigest()
