"""A runbook: markdown that a person can follow, with front matter that the bot can match.

Front matter with none of `signals`, `cause` and `actions` is somebody's ordinary document: its title is read and
every other key left alone. With one of them, each key is checked, and an error names the file and the key.
`docs/runbooks.md` shows the format with examples.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from core.catalogue import CATALOGUE
from core.diagnosis import ActionKind
from core.errors import ConfigError
from core.model import Model
from workers.predicate import Predicate, Signal, as_list

PLACEHOLDERS = frozenset({
    "target", "name", "namespace", "condition", "pods", "since",  # always known
    "reason", "container", "image", "missing", "exit", "limit", "log", "change", "reading", "host", "alert",
})  # fmt: skip
ALWAYS = frozenset({"target", "name", "namespace", "condition", "pods"})
PARAM_SAMPLES: dict[str, object] = {"container": "app", "double_limit": "256Mi", "more_replicas": 3}
"""What an action's parameters may ask for, written as "{container}", and a value of each one's form."""
_OURS = ("signals", "cause", "actions")


def _check_statement(statements: tuple[str, ...]) -> tuple[str, ...]:
    for statement in statements:
        unknown = placeholders(statement) - PLACEHOLDERS
        if unknown:
            raise ValueError(f"knows no {{{min(unknown)}}}; there are {', '.join(sorted(PLACEHOLDERS))}")
    if placeholders(statements[-1]) - ALWAYS:
        raise ValueError(f"the last statement may only use what is always known: {', '.join(sorted(ALWAYS))}")
    return statements


class Cause(Model):
    """What the runbook says is wrong, most telling statement first; the first whose placeholders are known is used."""

    condition: str | None = Field(default=None, max_length=60)  # None: the condition of the finding
    statement: Annotated[
        tuple[str, ...], Field(min_length=1), BeforeValidator(as_list), AfterValidator(_check_statement)
    ]


class ActionRule(Model):
    """An action to propose when its predicate holds."""

    kind: ActionKind
    params: dict[str, Any] = {}
    when: Predicate | None = None

    @model_validator(mode="after")
    def _takes_params(self) -> ActionRule:
        sample = fill_params(self.params, PARAM_SAMPLES)
        if sample is None:
            raise ValueError(f"{self.kind}: there are only {', '.join(f'{{{name}}}' for name in PARAM_SAMPLES)}")
        try:
            CATALOGUE[self.kind].params.model_validate(sample)
        except ValidationError as error:
            name = ".".join(str(part) for part in error.errors()[0]["loc"][:1])
            raise ValueError(f"{self.kind}: {name} is missing, unknown or of a wrong type") from error
        return self


class Runbook(Model):
    """One markdown file. Without front matter it is text alone: found, cited, never matched by signals."""

    id: str
    title: str
    path: str
    text: str  # without the front matter
    alerts: tuple[str, ...] = ()  # alert names it is for
    signals: tuple[Signal, ...] = ()
    cause: Cause | None = None
    actions: tuple[ActionRule, ...] = ()


class _Header(Model):
    """The front matter of a runbook that the bot can match."""

    id: str | None = Field(default=None, pattern=r"^[\w./-]{1,200}$")
    title: str | None = Field(default=None, min_length=1, max_length=200)
    alerts: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()
    signals: Annotated[tuple[Signal, ...], Field(min_length=1)]
    cause: Cause
    actions: tuple[ActionRule, ...] = ()

    @model_validator(mode="after")
    def _something_counts(self) -> _Header:
        if not any(signal.weight for signal in self.signals):
            raise ValueError("signals: at least one needs a weight")
        return self


def parse_runbook(runbook_id: str, path: str, text: str) -> Runbook:
    """The runbook in a markdown file; `runbook_id` is used unless the front matter has an `id`.

    Raises: ConfigError naming the file and the key.
    """
    header, body = _split(path, text)
    if not header.keys() & set(_OURS):
        title = header.get("title")
        return Runbook(
            id=runbook_id, title=title if isinstance(title, str) and title.strip() else _heading(body, path),
            path=path, text=body, alerts=_strings(header.get("alerts")),
        )  # fmt: skip
    try:
        checked = _Header.model_validate(header)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_complaint(error)}") from error
    return Runbook(
        id=checked.id or runbook_id, title=checked.title or _heading(body, path), path=path, text=body,
        alerts=checked.alerts, signals=checked.signals, cause=checked.cause, actions=checked.actions,
    )  # fmt: skip


@lru_cache(maxsize=1)
def starter_runbooks() -> tuple[Runbook, ...]:
    """The set that the product ships, by id.

    Raises: ConfigError; a test loads every one, so never in a release.
    """
    folder = resources.files("runbooks")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".md")), key=lambda f: f.name)
    return tuple(
        parse_runbook(f.name.removesuffix(".md"), f"runbooks/{f.name}", f.read_text(encoding="utf-8")) for f in files
    )


def placeholders(template: str) -> set[str]:
    """The names in braces."""
    return set(re.findall(r"\{(\w*)\}", template))


def fill(template: str, values: dict[str, str]) -> str | None:
    """The template with its placeholders replaced, once: braces inside a value stay as they are. None when one of
    them has no value."""
    if any(not values.get(name) for name in placeholders(template)):
        return None
    return re.sub(r"\{(\w*)\}", lambda found: values[found[1]], template)


def fill_params(params: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, Any] | None:
    """The parameters with each "{name}" replaced by its value; None when one has no value."""
    filled: dict[str, Any] = {}
    for key, value in params.items():
        asked = re.fullmatch(r"\{(\w+)\}", value) if isinstance(value, str) else None
        if asked and values.get(asked[1]) is None:
            return None
        filled[key] = values[asked[1]] if asked else value
    return filled


def _split(path: str, text: str) -> tuple[dict[str, object], str]:
    """Front matter and the text below it; a document that merely opens with a rule is all text."""
    import frontmatter
    import yaml

    text = text.removeprefix("\ufeff")
    if not re.match(r"\s*---\s*\n", text):
        return {}, text
    try:
        header, body = frontmatter.parse(text)
    except yaml.YAMLError as error:
        if not re.search(rf"^(?:{'|'.join(_OURS)}):", text, re.MULTILINE):
            return {}, text
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 2}" if mark else ""
        raise ConfigError(f"{path}: the front matter is not valid YAML{where}; correct it.") from error
    return (header, body) if header else ({}, text)


def _heading(body: str, path: str) -> str:
    found = re.search(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", body, re.MULTILINE)
    stem = PurePath(path).stem
    return found[1].strip() if found else stem.replace("-", " ").replace("_", " ").strip() or stem


def _strings(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(v for v in values if isinstance(v, str))


def _complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "front matter"
    if first["type"] == "extra_forbidden":
        return f"{key} is not a known key; remove it or correct its spelling."
    if first["type"] == "missing":
        return f"{key} is missing; add it."
    return f"{key}: {first['msg'].removeprefix('Value error, ')}."
