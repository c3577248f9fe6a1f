"""The three patches of Kubernetes: JSON, merge and strategic merge, which knows by which key a list is merged."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.kubernetes.resources import Json

# Lists whose items are one another's when this field is equal, from the API's patchMergeKey; others are replaced.
_MERGE_KEYS = {
    "containers": "name", "initContainers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath",
    "conditions": "type", "ownerReferences": "uid", "tolerations": "key",
    "imagePullSecrets": "name", "hostAliases": "ip", "topologySpreadConstraints": "topologyKey",
}  # fmt: skip


class BadPatch(ValueError):
    """The patch cannot be applied; the message says why."""


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def strategic(target: Any, patch: Any) -> Any:
    """Like merge, but the lists of `_MERGE_KEYS` merge item by item; `$patch: delete|replace` directives work."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    directive = patch.get("$patch")
    if directive not in (None, "replace", "merge"):
        raise BadPatch(f"unknown patch directive {directive!r}")
    result = dict(target) if isinstance(target, dict) and directive != "replace" else {}
    for name, value in patch.items():
        if name.startswith(("$setElementOrder/", "$retainKeys")) or name == "$patch":
            continue
        if name.startswith("$deleteFromPrimitiveList/"):
            real = name.partition("/")[2]
            result[real] = [v for v in result.get(real, []) if v not in value]
        elif value is None:
            result.pop(name, None)
        elif isinstance(value, list):
            result[name] = _merge_list(name, result.get(name) or [], value)
        else:
            result[name] = strategic(result.get(name), value)
    return result


def _merge_list(name: str, target: list[Any], patch: list[Any]) -> list[Any]:
    key = _MERGE_KEYS.get(name)
    if name == "ports":  # of a container, or of a Service
        key = "containerPort" if any("containerPort" in item for item in [*target, *patch]) else "port"
    if key is None or not all(isinstance(item, dict) for item in [*target, *patch]):
        return copy.deepcopy(patch)
    if any(item == {"$patch": "replace"} for item in patch):
        return [copy.deepcopy(item) for item in patch if item != {"$patch": "replace"}]
    result: list[Json] = list(target)
    for item in patch:
        if key not in item:
            raise BadPatch(f"map: {item} does not contain declared merge key: {key}")
        place = next((i for i, held in enumerate(result) if held.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            result = [held for held in result if held.get(key) != item[key]]
        elif place is None:
            result.append(strategic({}, item))
        else:
            result[place] = strategic(result[place], item)
    return result


def json_patch(target: Json, operations: Any) -> Json:
    """RFC 6902. Raises: BadPatch."""
    result = copy.deepcopy(target)
    if not isinstance(operations, list):
        raise BadPatch("json patch must be a list of operations")
    for operation in operations:
        try:
            _apply(result, operation)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise BadPatch(f"the server rejected our request due to an error in our request: {operation}") from error
    return result


def _apply(document: Any, operation: Json) -> None:
    op, path = operation["op"], operation["path"]
    parent, last = _walk(document, path)
    if op == "test":
        if _at(parent, last) != operation["value"]:
            raise ValueError("testing value failed")
    elif op == "remove":
        del parent[_index(parent, last)]
    elif op == "replace":
        _at(parent, last)
        parent[_index(parent, last)] = operation["value"]
    elif op == "add":
        _add(parent, last, operation["value"])
    elif op in ("copy", "move"):
        source, name = _walk(document, operation["from"])
        value = copy.deepcopy(_at(source, name))
        if op == "move":
            del source[_index(source, name)]
        _add(parent, last, value)
    else:
        raise ValueError(op)


def _walk(document: Any, path: str) -> tuple[Any, str]:
    *steps, last = (s.replace("~1", "/").replace("~0", "~") for s in path.removeprefix("/").split("/"))
    for step in steps:
        document = _at(document, step)
    return document, last


def _index(parent: Any, step: str) -> Any:
    return int(step) if isinstance(parent, list) else step


def _at(parent: Any, step: str) -> Any:
    return parent[_index(parent, step)]


def _add(parent: Any, step: str, value: Any) -> None:
    if isinstance(parent, list):
        parent.insert(len(parent) if step == "-" else int(step), value)
    else:
        parent[step] = value
