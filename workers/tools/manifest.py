"""One object as YAML: without what only machines read, and without values of environment variables."""

from __future__ import annotations

from typing import Any

import yaml

from core.mask import MASKED, mask

_NOISE = frozenset({"managedFields", "selfLink", "uid", "generateName"})
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # the whole manifest again, with every value in it
_UNFOLDED = 2**30  # folding would split what has to be recognised as a secret
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def as_yaml(value: Any) -> str:
    """YAML in the API's own order of fields."""
    text: str = yaml.dump(tidy(value), Dumper=_DUMPER, sort_keys=False, width=_UNFOLDED, allow_unicode=True)
    return text


def tidy(value: Any) -> Any:
    """The value without noise; an environment variable keeps its name, and an empty value, which may be the fault."""
    if isinstance(value, list):
        return [tidy(each) for each in value]
    if isinstance(value, str) and "\n" in value:  # quoted, its lines would no longer look like a key's
        return mask(value)
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        if name in _NOISE or name == _APPLIED or inner is None:
            continue
        if name == "env" and isinstance(inner, list):
            kept[name] = [_hidden(variable) for variable in inner]
        else:
            kept[name] = tidy(inner)
    return kept


def _hidden(variable: Any) -> Any:
    if isinstance(variable, dict) and variable.get("value"):
        return {**variable, "value": MASKED}
    return variable
