"""Certificates that end within a month: cert-manager's, and those that exporters watch. Their Secrets are not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core.errors import SreError
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
# Of the blackbox exporter, x509-certificate-exporter, cert-manager itself, ssl_exporter and Traefik: Unix seconds.
_METRICS = (
    "probe_ssl_earliest_cert_expiry", "x509_cert_not_after", "certmanager_certificate_expiration_timestamp_seconds",
    "ssl_cert_not_after", "traefik_tls_certs_not_after",
)  # fmt: skip
# What names the certificate in their labels, the best first.
_NAMES = ("name", "instance", "subject_CN", "cn", "secret_name", "filename", "sans")
_NOTED = (
    "sre:changes-certificates:"  # of one cluster: what the certificate is called, to the id and end that were noted
)
_SCHEME = re.compile(r"^https?://|/.*$")


class Certificate(NamedTuple):
    """One certificate. Texts are foreign."""

    name: str
    namespace: str
    ends: datetime
    why: str = ""  # why it is not renewed, if something says


def read_certificates(world: World) -> None:
    """Note every certificate that ends soon, once; one that was renewed is noted so. What cannot be read is left
    out."""
    records = world.records
    for cluster in clusters_of(records):
        place = Place(cluster, records.settings.config, records.now())
        found: dict[str, Certificate] = {}
        try:
            for each in in_metrics(world.outside.metrics(cluster or None)):
                found[_key(each)] = min(each, found.get(_key(each), each), key=lambda c: c.ends)
        except SreError as error:
            log.warning("certificates_not_read", cluster=cluster, why=str(error))
        try:
            found |= {_key(each): each for each in in_cluster(world.outside.cluster(cluster or None))}
        except SreError as error:
            log.warning("certificates_not_read", cluster=cluster, why=str(error))
        _note(world, place, found)


def in_cluster(cluster: Cluster) -> Iterator[Certificate]:
    """Those that cert-manager keeps. Raises: ToolError, Unreachable."""
    version = next((v for v in _VERSIONS if cluster.serves(f"cert-manager.io/{v}", "certificates")), None)
    if version is None:
        return
    for held in cluster.items(f"/apis/cert-manager.io/{version}/certificates"):
        ends = moment(status_of(held).get("notAfter"))
        if ends:
            names = ", ".join(map(str, spec_of(held).get("dnsNames") or ())) or name_of(held)
            failing = [c for c in status_of(held).get("conditions") or () if c.get("status") == "False"]
            yield Certificate(names, namespace_of(held), ends, str(failing[0].get("message") or "") if failing else "")


def in_metrics(metrics: Metrics | None) -> Iterator[Certificate]:
    """Those that exporters tell of. Raises: ToolError, Unreachable."""
    if metrics is None:
        return
    for name in metrics.names("|".join(_METRICS)):
        for series in metrics.instant(name):
            labels, seconds = series.labels, series.points[-1][1] if series.points else 0.0
            called = next((labels[each] for each in _NAMES if labels.get(each)), "")
            if called and seconds > 0:
                where = labels.get("exported_namespace") or labels.get("namespace", "")
                yield Certificate(_SCHEME.sub("", called), where, datetime.fromtimestamp(seconds, UTC))


def _note(world: World, place: Place, found: dict[str, Certificate]) -> None:
    changes, redis = world.records.changes, world.records.redis
    noted = {as_text(name): as_text(raw) for name, raw in redis.hgetall(_NOTED + place.cluster).items()}
    for key, each in found.items():
        soon = each.ends - place.now <= AHEAD
        before = changes.find(noted[key]) if key in noted else None
        if soon and (before is None or before.due is None or before.due < each.ends):
            event = place.event(
                key, each.ends.isoformat(), kind="certificate", target=f"Certificate/{said(each.name, 120)}",
                namespace=said(each.namespace, 80), title=_title(each, place.now), due=each.ends, service=None,
            )  # fmt: skip
            note_change(changes, event)
            redis.hset(_NOTED + place.cluster, key, event.id)
        elif before and before.due and each.ends > before.due:
            title = f"renewed, ends on {each.ends:%d %b %Y}"
            note_change(changes, before.model_copy(update={"due": each.ends, "title": title}))
            redis.hdel(_NOTED + place.cluster, key)


def _title(certificate: Certificate, now: datetime) -> str:
    left = (certificate.ends - now).total_seconds()
    ends = f"ends in {duration(left)}, {certificate.ends:%d %b %H:%M} UTC" if left > 0 else "has ended"
    return f"{ends}{f': {certificate.why}' if certificate.why else ''}"


def _key(certificate: Certificate) -> str:
    return f"{certificate.namespace}/{certificate.name}"
