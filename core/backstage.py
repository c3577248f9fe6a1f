"""Backstage's catalogue files: which services there are, where they run, and what they depend on.

Read are entities of the kinds Component, Resource and Location (https://backstage.io/docs/features/software-catalog/descriptor-format).
What the configuration file says of a service goes before what stands here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ConfigError

FILE_NAMES = ("catalog-info.yaml", "catalog-info.yml")
_LARGEST = 5 * 2**20  # bytes of one file; the largest seen in the wild has 300 KB
_MOST_FILES = 5000
_NOT_RUNNING = frozenset({"library", "documentation", "template"})  # types of components that no cluster runs
_KEEPS_DATA = re.compile(r"database|\bdb\b|bucket|storage|queue|cache", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_REF = re.compile(rf"(?:(?:component|resource):)?(?:[A-Za-z0-9._-]+/)?(?P<name>{_NAME.pattern})", re.IGNORECASE)


@dataclass(frozen=True)
class Catalogue:
    """What the files say, in the words of the configuration file."""

    services: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # fields of `core.settings.Service`
    unknown: tuple[str, ...] = ()  # what is depended on and not in the files, as "component:payments"
    not_read: tuple[str, ...] = ()  # addresses that Locations name; only files are read


@dataclass
class _Found:
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    where: dict[str, Path] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)  # references to components and resources
    consumes: dict[str, list[str]] = field(default_factory=dict)  # names of APIs, by component
    provides: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # components, by name of the API
    not_read: list[str] = field(default_factory=list)


def read_catalogue(paths: Iterable[Path], clusters: Iterable[str] = ()) -> Catalogue:
    """The services of these files, and of every catalog-info.yaml in these folders.

    Args:
        clusters: Known by name; another that an annotation names is left out.

    Raises: ConfigError that names the file and what is wrong with it.
    """
    found, known, seen = _Found(), frozenset(clusters), set[Path]()
    waiting = [file for path in paths for file in _files(path)]
    while waiting:
        file = waiting.pop(0).resolve()
        if file in seen:
            continue
        seen.add(file)
        if len(seen) > _MOST_FILES:
            raise ConfigError(
                f"backstage names more than {_MOST_FILES:,} files; name the folders of your own services."
            )
        for number, entity in _entities(file):
            waiting += _take(entity, number, file, known, found)
    return _resolved(found)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for name in FILE_NAMES for file in path.rglob(name))
    return [path]


def _entities(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The documents of a file that are entities, with their numbers from 1."""
    import yaml

    try:
        if file.stat().st_size > _LARGEST:
            raise ConfigError(f"backstage: {file} is larger than {_LARGEST // 2**20} MB; split it.")
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"backstage names {file}, which cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"backstage: {file} is not valid YAML{where}; correct it.") from error
    for number, document in enumerate(documents, start=1):
        if isinstance(document, dict) and str(document.get("apiVersion", "")).startswith("backstage.io/"):
            yield number, document


def _take(entity: dict[str, Any], number: int, file: Path, clusters: frozenset[str], found: _Found) -> list[Path]:
    """Note what one entity says; the files that it points to."""
    spec, metadata = _dict(entity.get("spec")), _dict(entity.get("metadata"))
    kind = str(entity.get("kind", "")).lower()
    if kind == "location":
        return list(_targets(spec, file, found))
    if kind not in ("component", "resource") or str(spec.get("type", "")).lower() in _NOT_RUNNING:
        return []
    name = metadata.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"backstage: {file}, document {number}: metadata.name is missing or not a name.")
    if name in found.services:
        raise ConfigError(f"backstage: {file}, document {number}: {name} is described by {found.where[name]} already.")
    found.where[name] = file
    found.services[name] = _service(kind, metadata, spec, clusters)
    found.needs[name] = _texts(spec.get("dependsOn"))
    found.consumes[name] = [ref.rpartition("/")[2] for ref in _texts(spec.get("consumesApis"))]
    for api in _texts(spec.get("providesApis")):
        found.provides[api.rpartition("/")[2]].append(name)
    return []


def _targets(spec: Mapping[str, Any], file: Path, found: _Found) -> Iterator[Path]:
    for target in [*_texts(spec.get("targets")), *_texts([spec.get("target")])]:
        if "://" in target:
            found.not_read.append(target)
        elif "*" in target:
            yield from sorted(file.parent.glob(target.removeprefix("./")))
        else:
            yield from _files(file.parent / target)


def _service(
    kind: str, metadata: Mapping[str, Any], spec: Mapping[str, Any], clusters: frozenset[str]
) -> dict[str, Any]:
    said = {str(key): value for key, value in _dict(metadata.get("annotations")).items() if isinstance(value, str)}
    of: dict[str, Any] = {
        "namespace": said.get("backstage.io/kubernetes-namespace"), "pagerduty": said.get("pagerduty.com/service-id"),
        "channel": said.get("sre-bot/channel"), "state": said.get("sre-bot/state"),
        "workloads": [part.strip() for part in said.get("sre-bot/workloads", "").split(",") if part.strip()],
        "tags": _texts(metadata.get("tags")),
    }  # fmt: skip
    if (cluster := said.get("backstage.io/kubernetes-cluster")) in clusters:
        of["cluster"] = cluster
    if kind == "resource" and not of["state"] and _KEEPS_DATA.search(str(spec.get("type", ""))):
        of["state"] = "persistent"
    return {key: value for key, value in of.items() if value}


def _resolved(found: _Found) -> Catalogue:
    """Every service with what it depends on, by name."""
    unknown: set[str] = set()
    for name, service in found.services.items():
        needed = dict.fromkeys(provider for api in found.consumes[name] for provider in found.provides.get(api, ()))
        for ref in found.needs[name]:
            match = _REF.fullmatch(ref)
            if match and match["name"] in found.services:
                needed[match["name"]] = None
            else:
                unknown.add(ref)
        if found.needs[name] or found.consumes[name]:
            service["depends_on"] = [other for other in needed if other != name]
    return Catalogue(found.services, tuple(sorted(unknown)), tuple(dict.fromkeys(found.not_read)))


def _dict(raw: object) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _texts(raw: object) -> list[str]:
    return [text for text in raw if isinstance(text, str)] if isinstance(raw, list) else []
