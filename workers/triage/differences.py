"""What differs between two pod templates. Values of environment variables and arguments are never kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.mask import mask
from core.observation import FieldChange
from workers.triage.draft import compact
from workers.triage.evidence import cut
from workers.triage.objects import Obj, annotations_of, labels_of, spec_of

LONGEST = 160  # characters of a value
_PROBES = {"livenessProbe": "liveness probe", "readinessProbe": "readiness probe", "startupProbe": "startup probe"}
_SAID = {"image": "image", "command": "command", "imagePullPolicy": "image pull policy", **_PROBES}  # with their values
_APART = frozenset({"name", "env", "envFrom", "resources", *_SAID})
_POD_SAID = frozenset({"serviceAccountName", "nodeSelector", "priorityClassName", "restartPolicy", "schedulerName",
                       "terminationGracePeriodSeconds", "hostNetwork", "dnsPolicy"})  # fmt: skip
_BOOKKEEPING = frozenset({"pod-template-hash", "controller-revision-hash"})


def differences(before: Obj, after: Obj) -> Iterator[FieldChange]:
    """Every field that differs, what most often breaks things first."""
    old, new = spec_of(before), spec_of(after)
    for group in ("containers", "initContainers"):
        yield from _containers(_named(old.get(group)), _named(new.get(group)))
    yield from _volumes(_named(old.get("volumes")), _named(new.get("volumes")))
    for key in _differing(old, new, without=frozenset({"containers", "initContainers", "volumes"})):
        yield _change(_words(key), None, old.get(key), new.get(key), key in _POD_SAID)
    for key in _differing(annotations_of(_meta(before)), annotations_of(_meta(after))):
        yield _change(
            f"annotation {key}", None, annotations_of(_meta(before)).get(key), annotations_of(_meta(after)).get(key)
        )
    for key in _differing(labels_of(_meta(before)), labels_of(_meta(after)), without=_BOOKKEEPING):
        yield _change(f"label {key}", None, labels_of(_meta(before)).get(key), labels_of(_meta(after)).get(key), True)


def _meta(template: Obj) -> Obj:
    return {"metadata": template.get("metadata") or {}}


def _containers(old: Mapping[str, Obj], new: Mapping[str, Obj]) -> Iterator[FieldChange]:
    for name in dict.fromkeys((*new, *old)):
        if name not in old or name not in new:
            images = old.get(name, {}).get("image"), new.get(name, {}).get("image")
            yield _change("container", name, *images, True)
        else:
            yield from _container(name, old[name], new[name])


def _container(name: str, old: Obj, new: Obj) -> Iterator[FieldChange]:
    for key, field in _SAID.items():
        if old.get(key) != new.get(key):
            yield _change(field, name, old.get(key), new.get(key), True)
    yield from _env(name, old, new)
    for bound in ("limits", "requests"):
        was, now = ((each.get("resources") or {}).get(bound) or {} for each in (old, new))
        for resource in _differing(was, now):
            yield _change(f"{resource} {bound.removesuffix('s')}", name, was.get(resource), now.get(resource), True)
    for key in _differing(old, new, without=_APART):
        yield _change(_words(key), name, old.get(key), new.get(key))


def _env(container: str, old: Obj, new: Obj) -> Iterator[FieldChange]:
    was, now = _named(old.get("env")), _named(new.get("env"))
    for name in _differing(was, now):
        yield _change(f"env {name}", container, was.get(name), now.get(name))
    sources = [{_source(each) for each in side.get("envFrom") or ()} for side in (old, new)]
    for source in sorted(sources[0] ^ sources[1]):
        yield _change(f"env from {source}", container, source in sources[0] or None, source in sources[1] or None)


def _source(entry: Obj) -> str:
    """ "config map settings" of an envFrom entry."""
    for key, words in (("configMapRef", "config map"), ("secretRef", "secret")):
        if key in entry:
            return f"{words} {(entry[key] or {}).get('name')}"
    return "something else"


def _volumes(old: Mapping[str, Obj], new: Mapping[str, Obj]) -> Iterator[FieldChange]:
    for name in _differing(old, new):
        yield _change(f"volume {name}", None, old.get(name), new.get(name))


def _named(items: Any) -> dict[str, Obj]:
    return {str(item.get("name")): item for item in items or ()}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any], without: frozenset[str] = frozenset()) -> list[str]:
    return [key for key in dict.fromkeys((*new, *old)) if key not in without and old.get(key) != new.get(key)]


def _change(field: str, container: str | None, before: Any, after: Any, said: bool = False) -> FieldChange:
    verb = "added" if before is None else "removed" if after is None else "changed"
    return FieldChange(
        field=field, container=container, verb=verb,
        before=_text(before) if said else None, after=_text(after) if said else None,
    )  # fmt: skip


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return cut(mask(value if isinstance(value, str) else compact(value)), LONGEST)


def _words(key: str) -> str:
    """ "service account name" of "serviceAccountName"."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in key)
