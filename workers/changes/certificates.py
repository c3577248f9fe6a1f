"""Certificates that end within a month: cert-manager's, and those that exporters watch. Their Secrets are not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core.errors import Absent, ConfigError, Forbidden, SreError
from core.joining import note_change
from core.log import get_logger
from core.redis import as_text
from workers.changes.keeper import clusters_of
from workers.changes.place import Place, said
from workers.ports import Cluster, Metrics
from workers.triage.objects import duration, moment, name_of, namespace_of, spec_of, status_of
from workers.world import World

log = get_logger(__name__)

AHEAD = timedelta(days=30)
_VERSIONS = ("v1", "v1beta1", "v1alpha3", "v1alpha2")
# Metrics in Unix seconds, and what names the certificate in their labels, the best first. `instance` is what is probed
# where a prober tells it, and the exporter itself elsewhere.
_METRICS = {
    "certmanager_certificate_expiration_timestamp_seconds": ("name",),
    "probe_ssl_earliest_cert_expiry": ("instance",),  # blackbox exporter
    "ssl_cert_not_after": ("instance", "cn"),  # ssl_exporter
    "x509_cert_not_after": ("subject_CN", "secret_name", "filename"),  # x509-certificate-exporter
    "traefik_tls_certs_not_after": ("cn", "sans"),
}
_NAMESPACES = ("exported_namespace", "secret_namespace", "namespace")
_SAME = timedelta(minutes=1)  # two that end together and share a name are one
_NOTED = (
    "sre:changes-certificates:"  # of one cluster: what the certificate is called, to the id and end that were noted
)
_SCHEME = re.compile(r"^https?://|/.*$")
_PORT = re.compile(r":\d+$")


class Certificate(NamedTuple):
    """One certificate. Texts are foreign."""

    name: str
    namespace: str
    ends: datetime
    why: str = ""  # why it is not renewed, if something says
    renews: datetime | None = None  # when it will be, if something says
    names: frozenset[str] = frozenset()  # all by which others may call it


def read_certificates(world: World) -> None:
    """Note every certificate that ends soon, once; one that was renewed, or is gone, is noted so. What cannot be read
    is left out until the next time."""
    records = world.records
    for cluster in clusters_of(records):
        place = Place(cluster, records.settings.config, records.now())
        try:
            held = list(_kept(world, cluster))
        except SreError as error:  # one that an exporter tells too would be told twice
            log.warning("certificates_not_read", cluster=cluster, why=str(error))
            continue
        is_whole = True
        try:
            held += in_metrics(world.outside.metrics(cluster or None))
        except SreError as error:
            log.warning("certificates_not_read", cluster=cluster, why=str(error))
            is_whole = False
        _note(world, place, held, is_whole=is_whole)


def in_cluster(cluster: Cluster) -> Iterator[Certificate]:
    """Those that cert-manager keeps. Raises: ToolError, Unreachable."""
    version = next((v for v in _VERSIONS if cluster.serves(f"cert-manager.io/{v}", "certificates")), None)
    if version is None:
        return
    for held in cluster.items(f"/apis/cert-manager.io/{version}/certificates"):
        spec, status = spec_of(held), status_of(held)
        ends = moment(status.get("notAfter"))
        if ends:
            hosts = [str(host) for host in spec.get("dnsNames") or ()]
            called = {*hosts, name_of(held), str(spec.get("secretName") or ""), str(spec.get("commonName") or "")}
            failing = [c for c in status.get("conditions") or () if c.get("status") == "False"]
            yield Certificate(
                ", ".join(hosts) or name_of(held), namespace_of(held), ends,
                str(failing[0].get("message") or "") if failing else "", moment(status.get("renewalTime")),
                frozenset(called - {""}),
            )  # fmt: skip


def in_metrics(metrics: Metrics | None) -> Iterator[Certificate]:
    """Those that exporters tell of. Raises: ToolError, Unreachable."""
    if metrics is None:
        return
    served = metrics.names("|".join(_METRICS))
    for metric, named in _METRICS.items():
        for series in metrics.instant(metric) if metric in served else ():
            labels, seconds = series.labels, series.points[-1][1] if series.points else 0.0
            called = next((labels[each] for each in named if labels.get(each)), "")
            if called and seconds > 0:
                where = next((labels[each] for each in _NAMESPACES if labels.get(each)), "")
                name = _SCHEME.sub("", called)
                names = frozenset({name, _PORT.sub("", name)})
                yield Certificate(name, where, datetime.fromtimestamp(seconds, UTC), names=names)


def _kept(world: World, cluster: str) -> Iterator[Certificate]:
    """What cert-manager keeps; nothing where it may not be read, or there is no cluster. Raises: as `in_cluster`."""
    try:
        yield from in_cluster(world.outside.cluster(cluster or None))
    except (Absent, Forbidden, ConfigError) as error:
        log.info("certificates_not_read", cluster=cluster, why=str(error))


def _apart(held: list[Certificate]) -> dict[str, Certificate]:
    """Each once, by what it is called: cert-manager's own word first, of what has one name the earliest."""
    found: dict[str, Certificate] = {}
    for each in held:
        if any(_is_same(each, other) for other in found.values()):
            continue
        found[_key(each)] = min(each, found.get(_key(each), each), key=lambda c: c.ends)
    return found


def _is_same(one: Certificate, other: Certificate) -> bool:
    if abs(one.ends - other.ends) > _SAME:
        return False
    wild = {f"*.{name.partition('.')[2]}" for name in one.names}
    return bool(other.names & (one.names | wild))


def _note(world: World, place: Place, held: list[Certificate], *, is_whole: bool) -> None:
    found = _apart(held)
    changes, redis = world.records.changes, world.records.redis
    noted = {as_text(name): as_text(raw) for name, raw in redis.hgetall(_NOTED + place.cluster).items()}
    for key, each in found.items():
        # One that lives for days and is renewed each time is as it should be.
        soon = each.ends - place.now <= AHEAD and not (each.renews and each.renews > place.now)
        before = changes.find(noted[key]) if key in noted else None
        if before is None or before.due is None:
            if soon:
                event = place.event(
                    key, each.ends.isoformat(), kind="certificate", target=f"Certificate/{said(each.name, 120)}",
                    namespace=said(each.namespace, 80), title=_title(each, place.now), due=each.ends, service=None,
                )  # fmt: skip
                note_change(changes, event)
                redis.hset(_NOTED + place.cluster, key, event.id)
        elif each.ends - before.due > _SAME:
            _end(world, place, key, each)
    served = {_key(each): each for each in reversed(held)}  # also those that are told under another name
    for key in noted.keys() - found.keys() if is_whole else ():
        _end(world, place, key, served.get(key))


def _end(world: World, place: Place, key: str, now: Certificate | None) -> None:
    """It was renewed, or is gone. Where it ends soon again, the next time tells that."""
    changes, redis = world.records.changes, world.records.redis
    before = changes.find(as_text(redis.hget(_NOTED + place.cluster, key) or ""))
    if before and now and before.due and now.ends - before.due > _SAME:
        title = f"renewed, ends on {now.ends:%d %b %Y}"
        note_change(changes, before.model_copy(update={"due": now.ends, "title": title}))
    elif before:
        note_change(changes, before.model_copy(update={"due": None, "title": "there no more"}))
    redis.hdel(_NOTED + place.cluster, key)


def _key(certificate: Certificate) -> str:
    return f"{certificate.namespace}/{certificate.name}"


def _title(certificate: Certificate, now: datetime) -> str:
    left = (certificate.ends - now).total_seconds()
    ends = f"ends in {duration(left)}, {certificate.ends:%d %b %H:%M} UTC" if left > 0 else "has ended"
    return f"{ends}{f': {certificate.why}' if certificate.why else ''}"
