"""The policy set on disk: Rego modules, their limits, and the hash that every decision carries."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.catalogue import CATALOGUE
from core.errors import ConfigError
from core.settings import Approvers

HERE = Path(__file__).parent

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Limits(BaseModel):
    """limits.yaml. A team's own rules may add figures of their own."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    confidence_floor: Share
    similarity_floor: Share
    blast_radius_pods: Count
    blast_radius_services: Count
    actions_per_incident: Count
    rollback_deploy_age_minutes: Count
    approval_age_s: Count
    production_environments: list[str]
    autonomous_in_production: bool


@dataclass(frozen=True)
class Rules:
    """A policy set: what an engine needs to decide, and its hash."""

    modules: tuple[tuple[str, str], ...]  # (path below policies/, source), sorted
    data: Mapping[str, Any]  # limits, approvers, policy_hash
    hash: str  # SHA-256 over the modules, limits and approvers


def load_rules(approvers: Approvers, folder: Path = HERE) -> Rules:
    """The policy set in a folder, for these approvers.

    Raises: ConfigError that names the file and what is wrong in it.
    """
    unknown = set(approvers.four_eyes) - set(CATALOGUE)
    if unknown:
        raise ConfigError(f"approvers.four_eyes names {min(unknown)!r}, which is no kind of action.")
    paths = [folder / "main.rego", folder / "types.rego", *sorted(folder.glob("rules/*/*.rego"))]
    modules = tuple((path.relative_to(folder).as_posix(), _read(path)) for path in paths)
    for path, source in modules:
        _check_package(path, source)
        _check_gathered(path, source, modules[0][1])
    data: dict[str, Any] = {
        "limits": _limits(folder / "limits.yaml"),
        "approvers": approvers.model_dump(mode="json"),
    }
    body = json.dumps([modules, data], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(body.encode()).hexdigest()
    return Rules(modules=modules, data={**data, "policy_hash": digest}, hash=digest)


def described_codes(rules: Rules) -> dict[str, str]:
    """A sentence for every code, from the METADATA above each module's package."""
    import yaml

    codes: dict[str, str] = {}
    for path, source in rules.modules:
        header = re.match(r"# METADATA\n((?:#.*\n)+)", source)
        lines = [line.removeprefix("#").removeprefix(" ") for line in header[1].splitlines()] if header else []
        try:
            metadata = yaml.safe_load("\n".join(lines)) or {}
            codes |= {str(code): str(text) for code, text in metadata.get("custom", {}).get("codes", {}).items()}
        except (yaml.YAMLError, AttributeError) as error:
            raise ConfigError(f"policies/{path}:1 has METADATA that is not valid YAML; correct it.") from error
    return codes


def _check_package(path: str, source: str) -> None:
    """A module in the wrong package would be gathered by nobody, and its denials lost."""
    parts = path.split("/")
    expected = f"sre.rules.{parts[1]}" if parts[0] == "rules" else {"main.rego": "sre", "types.rego": "sre.types"}[path]
    found = re.search(r"^package[ \t]+(\S+)", source, re.MULTILINE)
    if found is None or found[1] != expected:
        line = source[: found.start()].count("\n") + 1 if found else 1
        raise ConfigError(f"policies/{path}:{line} must say `package {expected}`, or its rules would not count.")


def _check_gathered(path: str, source: str, main: str) -> None:
    """A rule that main.rego does not name would not count either."""
    if not path.startswith("rules/"):
        return
    for found in re.finditer(r"^(?:default )?(deny|ask)\b", source, re.MULTILINE):
        name = f"data.sre.rules.{path.split('/')[1]}.{found[1]}"
        if not re.search(rf"^{found[1]} contains code if some code in {re.escape(name)}$", main, re.MULTILINE):
            line = source[: found.start()].count("\n") + 1
            raise ConfigError(f"policies/{path}:{line} is gathered by nobody; add {name} to policies/main.rego.")


@cache
def own_actions() -> int:
    """How many actions the bot may do by itself on one incident."""
    return int(_limits(HERE / "limits.yaml")["actions_per_incident"])


def _limits(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(_read(path))
        return Limits.model_validate(content["limits"]).model_dump(mode="json")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(
            f"policies/{path.name}:{mark.line + 1 if mark else 1} is not valid YAML; correct it."
        ) from error
    except (TypeError, KeyError) as error:
        raise ConfigError(f"policies/{path.name}:1 has no `limits:`; add it.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "limits"
        raise ConfigError(f"policies/{path.name}: limits.{key} is wrong: {first['msg']}.") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The policy file {path} cannot be read; install the product again.") from error
