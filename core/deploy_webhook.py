"""What CI systems say of deploys: GitHub's deployment webhooks, Argo CD's notifications, and a plain format of ours."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from core.change_events import ChangeEvent
from core.errors import Malformed
from core.mask import mask
from core.settings import Config
from core.visible import clean

LARGEST_BODY = 2**20  # bytes; GitHub's own have some 20 KB, an Argo CD application with 500 resources some 300 KB
_SKEW, _OLDEST = timedelta(minutes=5), timedelta(days=30)
_PLAIN = frozenset({"service", "version", "at", "by", "link"})
_HEX = re.compile(r"[0-9a-f]{40}")
_IGNORED_STATES = frozenset({"queued", "pending", "waiting", "inactive"})  # nothing has changed yet, or any more


class Report(NamedTuple):
    """What was read: a change, or why there is none; and whom it is about where the catalogue knows nobody."""

    event: ChangeEvent | None
    sentence: str = ""
    stranger: str = ""


def is_github_signed(body: bytes, signature: str, token: str) -> bool:
    """Whether X-Hub-Signature-256 is that of this body; compared in constant time."""
    wanted = "sha256=" + hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.strip().encode())


def read_github(body: bytes, event: str, config: Config, now: datetime) -> Report:
    """A `deployment` or `deployment_status` webhook. Raises: Malformed."""
    if event == "ping":
        return Report(None, "The webhook is set up.")
    if event not in ("deployment", "deployment_status"):
        return Report(None, "Only deployment and deployment_status events are read.")
    said = _object(body)
    deployment, repository = _part(said, "deployment"), _part(said, "repository")
    status: Mapping[str, Any] = _part(said, "deployment_status") if event == "deployment_status" else {}
    state = _text(status.get("state"), 20)
    if state in _IGNORED_STATES:
        return Report(None, f"A deployment that is {state} is no change.")
    number, full_name = _needed(deployment, "id"), _needed(repository, "full_name")
    payload = deployment.get("payload")
    named = _text(payload.get("service"), 80) if isinstance(payload, dict) else ""
    service, called = _service(named, full_name, config)
    sha, ref = _text(deployment.get("sha"), 60), _text(deployment.get("ref"), 100)
    version = sha[:7] if _HEX.fullmatch(ref) or not re.search(r"\d+\.\d+", ref) else ref.rpartition("/")[2]
    creator = status.get("creator") or deployment.get("creator") or {}
    link = _link(status.get("log_url"), status.get("target_url"), _part(said, "workflow_run", {}).get("html_url"),
                 f"{repository.get('html_url')}/commit/{sha}")  # fmt: skip
    return Report(ChangeEvent(
        id=_ident("github", full_name, number), kind="deploy", source="github", service=service,
        at=_moment(status.get("created_at") or deployment.get("created_at"), now), target=f"Repository/{called}",
        title=_title(version, _text(deployment.get("environment"), 60), failed=state in ("failure", "error")),
        version=version, to_revision=sha or None, link=link, cause=_text(deployment.get("description"), 200),
        by=_text(creator.get("login"), 60) if isinstance(creator, dict) else "",
    ), stranger="" if service else called)  # fmt: skip


def read_argocd(said: Mapping[str, Any], config: Config, now: datetime) -> Report:
    """An Argo CD notification whose body is `{"app": …}`, the application as JSON. Raises: Malformed."""
    app = _part(said, "app")
    name = _needed(_part(app, "metadata"), "name")
    status = _part(app, "status", {})
    operation = _part(status, "operationState", {})
    phase = _text(operation.get("phase"), 20)
    if phase not in ("Succeeded", "Failed", "Error"):
        return Report(None, f"A sync that is {phase or 'not there'} is no change yet.")
    result = _part(operation, "syncResult", {})
    revision = _text(result.get("revision") or _part(status, "sync", {}).get("revision"), 60)
    service, called = _service(name, "", config)
    at = _moment(operation.get("finishedAt") or operation.get("startedAt"), now)
    version = _tag(_part(status, "summary", {}).get("images"), called) or revision[:7]
    asked = _part(_part(operation, "operation", {}), "initiatedBy", {})
    return Report(ChangeEvent(
        id=_ident("argocd", name, revision, operation.get("startedAt")), kind="deploy", source="argocd", at=at,
        namespace=_text(_part(_part(app, "spec", {}), "destination", {}).get("namespace"), 80), service=service,
        target=f"Application/{called}", title=_title(version, "", failed=phase != "Succeeded"), version=version,
        to_revision=revision or None, by=_text(asked.get("username"), 60) or "Argo CD",
        link=_link(said.get("link")),
    ), stranger="" if service else called)  # fmt: skip


def read_plain(said: Mapping[str, Any], config: Config, now: datetime) -> Report:
    """`{"service", "version", "at", "by", "link"}`, of which the first two are needed. Raises: Malformed."""
    for key in said:
        if key not in _PLAIN:
            raise Malformed(f"The key {clean(str(key))[:60]!r} is not known; there are {', '.join(sorted(_PLAIN))}.")
    service, called = _service(_needed(said, "service"), "", config)
    version = _needed(said, "version")
    at = _moment(said.get("at"), now)
    told = said.get("at") or f"{now:%Y-%m-%dT%H}"  # a report without a time that is sent again is the same one
    return Report(ChangeEvent(
        id=_ident("ci", called, version, told), kind="deploy", source="ci", at=at, service=service,
        target=f"Service/{called}", title=_title(version, "", failed=False), version=version,
        by=_text(said.get("by"), 60), link=_link(said.get("link")),
    ), stranger="" if service else called)  # fmt: skip


def read_bearer(body: bytes, config: Config, now: datetime) -> Report:
    """What comes with the bearer token: Argo CD's, or the plain format. Raises: Malformed."""
    said = _object(body)
    return read_argocd(said, config, now) if isinstance(said.get("app"), dict) else read_plain(said, config, now)


def _service(name: str, repository: str, config: Config) -> tuple[str | None, str]:
    """The catalogue's service, and what it is called where there is none: by its name, else by its repository."""
    if name:
        return (name if name in config.services else None), name
    mine = [key for key, service in config.services.items() if (service.repository or "").lower() == repository.lower()]
    if len(mine) == 1:
        return mine[0], mine[0]
    short = repository.rpartition("/")[2]
    return (short if short in config.services and not mine else None), short


def _title(version: str, where: str, *, failed: bool) -> str:
    to = f" to {where}" if where else ""
    return f"deploy of {version}{to} {'failed' if failed else 'reported'}"


def _tag(images: Any, name: str) -> str:
    """The tag of the image that is called so, else of the only one."""
    held = [_text(each, 300) for each in images] if isinstance(images, list) else []
    mine = [each for each in held if each.rpartition("/")[2].partition(":")[0].partition("@")[0] == name]
    meant = mine or (held if len(held) == 1 else [])
    return meant[0].rpartition("/")[2].partition("@")[0].partition(":")[2][:60] if meant else ""


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST_BODY:
        raise Malformed(f"The body is larger than {LARGEST_BODY // 2**20} MB.")
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("The body is not JSON.") from error
    if not isinstance(said, dict):
        raise Malformed("The body is not a JSON object.")
    return said


def _part(said: Mapping[str, Any], key: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    found = said.get(key, default)
    if found is None and default is not None:
        return default
    if not isinstance(found, dict):
        raise Malformed(f"{key} is missing or not an object.")
    return found


def _needed(said: Mapping[str, Any], key: str) -> str:
    found = said.get(key)
    text = _text(found, 120) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    if not text:
        raise Malformed(f"{key} is missing or not a text.")
    return text


def _text(value: Any, limit: int) -> str:
    """Foreign text: masked, on one line, cut."""
    line = " ".join(clean(mask(str(value)[: limit * 8])).split()) if isinstance(value, str | int) else ""
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _link(*candidates: Any) -> str:
    """The first that a browser can open."""
    urls = (each for each in candidates if isinstance(each, str) and re.fullmatch(r"https?://[^\s<>|\"]{1,900}", each))
    return next(urls, "")


def _moment(said: Any, now: datetime) -> datetime:
    """When it happened; now where nothing is said. Raises: Malformed."""
    if said is None:
        return now
    try:
        at = datetime.fromtimestamp(said, UTC) if isinstance(said, int | float) else datetime.fromisoformat(str(said))
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("The time is neither RFC 3339 nor Unix seconds.") from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at > now + _SKEW:
        raise Malformed("The time is in the future; check the sender's clock.")
    if at < now - _OLDEST:
        raise Malformed("The time is more than 30 days ago.")
    return min(at, now)


def _ident(*parts: Any) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:24]
