"""The closed catalogue: every kind of action, what it aims at and what its params are.

Policy, plan and act all read actions here, so that none of them takes what another refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from core.diagnosis import Action, ActionKind

MAX_SILENCE_MINUTES = 240  # DESIGN: a silence ends within four hours, so that nobody forgets one
MAX_REPLICAS = 1000  # guessed: no small team runs more of one deployment, so a larger figure is a slip


def _like(pattern: str) -> AfterValidator:
    """A validator for texts that match the whole pattern; `$` would let a final newline pass."""
    shape = re.compile(pattern)

    def check(text: str) -> str:
        if shape.fullmatch(text) is None:
            raise ValueError("not of the form that Kubernetes or Alertmanager takes")
        return text

    return AfterValidator(check)


_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_ALERT = "[A-Za-z0-9_]([A-Za-z0-9_ .:/-]{0,198}[A-Za-z0-9_])?"

Label = Annotated[str, _like(_LABEL)]
"""A DNS label, as Kubernetes names namespaces and containers."""
Name = Annotated[str, _like(_NAME)]
"""A DNS subdomain, as Kubernetes names most objects."""
Quantity = Annotated[str, _like("(?=[0-9.]*[1-9])[0-9]{1,15}([.][0-9]{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")]
"""A Kubernetes quantity above zero, such as "256Mi" or "500m"."""
Revision = Annotated[int, Field(strict=True, ge=1, le=10**9)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Matcher(_Strict):
    """One matcher of a silence, in the words of Alertmanager's API."""

    name: Annotated[str, _like("[a-zA-Z_][a-zA-Z0-9_]{0,127}")]
    value: Annotated[str, Field(max_length=500)]
    isRegex: bool = False  # noqa: N815 - Alertmanager's spelling
    isEqual: bool = True  # noqa: N815

    @property
    def exact(self) -> bool:
        """Whether it names one value, and that value is not empty."""
        return self.isEqual and not self.isRegex and self.value != ""


_WRITTEN = re.compile(
    r'\s*(?P<name>\w+)\s*(?P<op>=~|!~|!=|=)\s*(?P<quote>"?)(?P<value>[^"\\\n]*)(?P=quote)\s*', re.ASCII
)


def _as_matchers(value: object) -> object:
    """Matchers as Alertmanager's objects; also read are `{"alertname": "X"}` and `['alertname="X"']`."""
    if isinstance(value, Mapping):
        return tuple({"name": name, "value": text} for name, text in value.items())
    if isinstance(value, list | tuple):
        return tuple(_as_matcher(each) for each in value)
    return value


def _as_matcher(value: object) -> object:
    found = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    op = found["op"]
    return {"name": found["name"], "value": found["value"], "isRegex": "~" in op, "isEqual": "!" not in op}


def _names_an_alert(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    if not any(m.exact and m.name == "alertname" for m in matchers):
        raise ValueError("a silence names one alert exactly")
    return matchers


class NoParams(_Strict):
    pass


class Scale(_Strict):
    replicas: Annotated[int, Field(strict=True, ge=0, le=MAX_REPLICAS)]


class Rollback(_Strict):
    revision: Revision | None = None  # None: the one before


class Silence(_Strict):
    matchers: Annotated[
        tuple[Matcher, ...], BeforeValidator(_as_matchers), Field(min_length=1, max_length=20),
        AfterValidator(_names_an_alert),
    ]  # fmt: skip
    duration_minutes: Annotated[int, Field(strict=True, ge=1, le=MAX_SILENCE_MINUTES)]


class Rotate(_Strict):
    template: Name  # a Job template that the team configured


class Shift(_Strict):
    template: Name
    to: Annotated[str, _like("[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?")]


class Resources(_Strict):
    container: Label
    memory_limit: Quantity | None = None
    cpu_limit: Quantity | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Resources:
        if not (self.memory_limit or self.cpu_limit):
            raise ValueError("memory_limit or cpu_limit is needed")
        return self


Params = NoParams | Scale | Rollback | Silence | Rotate | Shift | Resources
Aim = Literal["Pod", "Deployment", "Release", "Node", "Alert", "Job", "Service", "Namespace", "Workload"]


@dataclass(frozen=True)
class Kind:
    """One row of the catalogue."""

    aim: Aim  # what `name` names
    params: type[Params] = NoParams


CATALOGUE: Mapping[ActionKind, Kind] = {
    "restart_pod": Kind("Pod"),
    "restart_deployment": Kind("Deployment"),
    "scale_deployment": Kind("Deployment", Scale),
    "rollback_deployment": Kind("Deployment", Rollback),
    "rollback_release": Kind("Release", Rollback),
    "cordon_node": Kind("Node"),
    "uncordon_node": Kind("Node"),
    "drain_node": Kind("Node"),
    "silence_alert": Kind("Alert", Silence),
    "rerun_job": Kind("Job"),
    "rotate_credentials": Kind("Service", Rotate),
    "shift_traffic": Kind("Service", Shift),
    "delete_namespace": Kind("Namespace"),
    "uninstall_release": Kind("Release"),
    "set_resources": Kind("Workload", Resources),
}
if set(CATALOGUE) != set(get_args(ActionKind)):
    raise AssertionError("CATALOGUE and ActionKind name different kinds")


@dataclass(frozen=True)
class Fault:
    """Why something is not an action of the catalogue."""

    code: Literal["malformed", "action.unknown_kind", "action.target", "action.params"]
    why: str  # one sentence


def read(raw: Mapping[str, Any]) -> Action | Fault:
    """The action with its params in their one form, or what is wrong with it. Never raises.

    Args:
        raw: `{"kind", "namespace", "name", "params"}`, all four and nothing else.
    """
    if set(raw) != {"kind", "namespace", "name", "params"} or not isinstance(raw["params"], Mapping):
        return Fault("malformed", "An action has kind, namespace, name and params, and nothing else.")
    kind, namespace, name = raw["kind"], raw["namespace"], raw["name"]
    if not (isinstance(kind, str) and isinstance(namespace, str) and isinstance(name, str)):
        return Fault("malformed", "An action's kind, namespace and name are texts.")
    row = CATALOGUE.get(cast("ActionKind", kind))
    if row is None:
        return Fault("action.unknown_kind", "The action catalogue has no such kind.")
    if not _aims_at(row.aim, namespace, name):
        return Fault("action.target", f"{kind} needs the name of one {row.aim} in a namespace where it can be.")
    params = _read_params(row, raw["params"])
    if isinstance(params, str):
        return Fault("action.params", f"{kind}: {params}")
    clean = params.model_dump(mode="json", exclude_none=True)
    return Action(kind=cast("ActionKind", kind), namespace=namespace, name=name, params=clean)


def _read_params(row: Kind, raw: Mapping[str, Any]) -> Params | str:
    """The params, or a sentence on what is wrong with them."""
    try:
        if None in raw.values():  # a param is left out or has a value; null is neither
            return "a param is null."
        return row.params.model_validate(dict(raw))
    except ValidationError as error:
        known = [str(part) for part in error.errors()[0]["loc"][:1] if part in row.params.model_fields]
        return f"{known[0]} is missing or wrong." if known else "a param is missing or unknown."


def target(action: Action) -> str:
    """What it aims at, as "Deployment/checkout"."""
    return f"{CATALOGUE[action.kind].aim}/{action.name}"


def _aims_at(aim: Aim, namespace: str, name: str) -> bool:
    if aim == "Node":
        return namespace == "" and re.fullmatch(_NAME, name) is not None
    if aim == "Namespace":
        return namespace in {"", name} and re.fullmatch(_LABEL, name) is not None
    shape = _ALERT if aim == "Alert" else _NAME
    return re.fullmatch(_LABEL, namespace) is not None and re.fullmatch(shape, name) is not None
