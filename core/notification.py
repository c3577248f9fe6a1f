"""What Alertmanager's webhook sends, read and made safe to keep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from core.errors import Malformed
from core.incident import Alert
from core.mask import mask

MOST_LABELS = 100  # of one alert
LONGEST_LABEL = 1000
_LONGEST_NAME = 200
_LONGEST_ANNOTATION = 4000
_MOST_HEARD = 1000
_NEVER_ENDED = datetime(1, 1, 2, tzinfo=UTC)  # Alertmanager writes year 1 for "not known"
_TELLING = (  # kept of an alert with more labels than anybody reads
    "alertname", "severity", "priority", "level", "cluster", "k8s_cluster", "cluster_name", "environment", "env",
    "namespace", "exported_namespace", "service", "service_name", "app", "deployment", "statefulset", "daemonset",
    "cronjob", "job_name", "pod", "node", "instance", "container", "component", "job", "name",
)  # fmt: skip


def _as_texts(raw: object) -> object:
    """Labels and annotations as texts; relays send null for none, and numbers."""
    if isinstance(raw, dict):
        return {str(key): str(value) for key, value in raw.items()}
    return raw or {}


Texts = Annotated[dict[str, str], BeforeValidator(_as_texts)]


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Received(BaseModel):
    """What Alertmanager sends grows with its versions: unknown keys are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class GroupAlert(_Received):
    status: Literal["firing", "resolved"] | None = None  # older relays leave it to the group's
    labels: Texts
    annotations: Texts = {}
    starts_at: Time = Field(alias="startsAt")
    ends_at: Time | None = Field(default=None, alias="endsAt")
    generator_url: str | None = Field(default=None, alias="generatorURL")
    fingerprint: str | None = None


class Group(_Received):
    """One notification of Alertmanager's webhook, version 4."""

    version: Literal["4"]
    group_key: str = Field(alias="groupKey", min_length=1)
    truncated_alerts: int = Field(default=0, alias="truncatedAlerts", ge=0)
    status: Literal["firing", "resolved"]
    external_url: str | None = Field(default=None, alias="externalURL")
    alerts: tuple[GroupAlert, ...] = Field(min_length=1)


def read_group(body: bytes) -> Group:
    """Raises: Malformed with one sentence that says what is wrong with it."""
    try:
        raw = orjson.loads(body)  # refuses half characters, which nothing could store
    except orjson.JSONDecodeError as error:
        raise Malformed("The body is not JSON.") from error
    if not isinstance(raw, dict):
        raise Malformed("The body is not a JSON object; send Alertmanager's webhook format.")
    # Grafana sends the same and calls it version 1; only its bodies name an organisation.
    if str(raw.get("version")) != "4" and not (raw.get("version") == "1" and "orgId" in raw):
        raise Malformed("This is not version 4 of Alertmanager's webhook; update what sends it.")
    try:
        return Group.model_validate({**raw, "version": "4"})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = "is missing" if first["type"] == "missing" else "cannot be read"
        raise Malformed(f"{where} {what}.") from error


def heard_of(body: bytes, secrets: Iterable[str]) -> tuple[str, ...]:
    """What the alerts in a body that cannot be read seem to be called, masked; nothing where even that is unclear."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ()
    named: dict[str, None] = {}
    for thing in _alerts_in(raw)[:_MOST_HEARD]:
        labels = thing.get("labels")
        places = (labels if isinstance(labels, dict) else {}, thing)
        names = (place.get(key) for place in places for key in ("alertname", "title", "ruleName", "name"))
        if name := next((name for name in names if isinstance(name, str) and name.strip()), None):
            named[mask(" ".join(name.split())[:_LONGEST_NAME], tuple(secrets))[:80]] = None
    return tuple(named)[:5]


def _alerts_in(raw: object) -> list[dict[str, Any]]:
    """As Alertmanager, older and other tools, and PagerDuty wrap them."""
    if isinstance(raw, dict):
        event = raw.get("event")
        inner = event.get("data") if isinstance(event, dict) else raw.get("alerts")
        raw = inner if isinstance(inner, list) else [inner if isinstance(inner, dict) else raw]
    return [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """The identity of an alert: the same labels give the same, in whatever order."""
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:16]


def alerts_of(group: Group, secrets: Iterable[str], now: datetime) -> Iterator[Alert]:
    """The group's alerts as they are kept: masked, cut, and none from the future."""
    known = tuple(secrets)
    for raw in group.alerts:
        ended = raw.ends_at if raw.ends_at and raw.ends_at > _NEVER_ENDED else None
        status = raw.status or ("resolved" if ended and ended <= now else group.status)
        began = raw.starts_at if _NEVER_ENDED < raw.starts_at <= now else now  # its clock is ahead, or not set
        yield Alert(
            fingerprint=(raw.fingerprint or fingerprint_of(raw.labels))[:64],
            name=raw.labels.get("alertname", "alert")[:_LONGEST_NAME], status=status,
            labels=_kept(raw.labels, LONGEST_LABEL, known),
            annotations=_kept(raw.annotations, _LONGEST_ANNOTATION, known),
            starts_at=began, ends_at=max(ended, began) if ended and status == "resolved" else None,
            generator_url=(raw.generator_url or "")[:2000], first_at=now, last_at=now,
        )  # fmt: skip


def _kept(texts: Mapping[str, str], longest: int, secrets: tuple[str, ...]) -> dict[str, str]:
    """Masked with room to spare, so that a cut shows no half of a secret."""
    names = list(texts)
    if len(names) > MOST_LABELS:
        names = list(dict.fromkeys([*(name for name in _TELLING if name in texts), *names[:MOST_LABELS]]))[:MOST_LABELS]
    return {name[:_LONGEST_NAME]: mask(texts[name][: longest + 500], secrets)[:longest] for name in names}
