"""A company's last four weeks and one bad night, in the stores, as a digest of Monday finds them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.change_events import ChangeEvent, Gap
from core.command import Command, Fix
from core.diagnosis import Action, Decision, Proposal
from core.digest_settings import DigestTime
from core.firings import Firing
from core.incident import Alert, Incident
from core.observation import FieldChange
from core.page import OnCall, Person, Shift
from core.records import Records
from core.remediation import Remediation, Target
from core.silences import Silenced, note_silences

NINE = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)  # a Thursday, nine in the morning in Berlin
BERLIN = DigestTime(at="09:00", days="mon-fri", timezone="Europe/Berlin")
NIGHT = NINE - timedelta(hours=6, minutes=49)  # 02:11


def deploy(service: str, at: datetime, before: str, after: str, kind: str = "deploy") -> ChangeEvent:
    image = FieldChange(
        field="image", verb="changed", before=f"shop/{service}:{before}", after=f"shop/{service}:{after}"
    )
    return ChangeEvent(
        id=f"{service}-{after}-{at:%d%H%M}", kind=kind, at=at, namespace="shop", target=f"Deployment/{service}",
        service=service, title=f"image {before} → {after}", fields=(image,), version=after, by="jonas",
    )  # fmt: skip


def firing(
    alert: str, service: str, began: datetime, lasted_s: float, *, incident: str = "", fingerprint: str = ""
) -> Firing:
    at = began.timestamp()
    name = fingerprint or f"{alert}-{at}"
    return Firing(alert, service, "SEV3", "", incident, name, at, at + lasted_s)


def noise(records: Records, alert: str = "KubeCPUThrottling", service: str = "batch", end: datetime = NINE) -> None:
    """Five a day for four weeks, 31 on the last; one in fifteen lasts longer than a quarter of an hour."""
    rows, count = [], 0
    for day in range(28, 0, -1):
        for number in range(5 if day > 1 else 31):
            at = end - timedelta(days=day) + timedelta(minutes=30 + 44 * number)
            rows.append(firing(alert, service, at, 1200 if count % 15 == 7 else 60 + (count * 37) % 280))
            count += 1
    records.firings.note(rows)


def night(records: Records) -> None:
    """Checkout broke by a deploy, was rolled back with leave and held; a node was drained by hand."""
    for event in (
        deploy("checkout", NIGHT, "1.8.3", "1.8.4"),
        deploy("checkout", NIGHT + timedelta(minutes=6), "1.8.4", "1.8.3", "rollback"),
        deploy("search", NINE - timedelta(hours=16), "9.2.0", "9.2.1"),
        *(deploy(f"tool-{n}", NINE - timedelta(hours=20, minutes=n), "1.0", "1.1") for n in range(5)),
    ):
        records.changes.note(event)
    began = NIGHT + timedelta(minutes=1)
    labels = {"alertname": "HighErrorRate", "service": "checkout"}
    alert = Alert(fingerprint="e1", name="HighErrorRate", status="resolved", labels=labels, starts_at=began)
    records.incidents.save(
        Incident(
            id="INC-42", title="checkout answers 7.4 % of requests with 5xx", state="resolved", severity="SEV2",
            service="checkout", services=("checkout",), source="alertmanager", alerts=(alert,), opened_at=began,
            resolved_at=began + timedelta(minutes=11), headline="Release 1.8.4: `CART_URL` has no valid port.",
        )
    )  # fmt: skip
    action = Action(kind="rollback_deployment", namespace="shop", name="checkout", params={"revision": 17})
    records.remediations.save(
        Remediation(
            id="ACT-7", investigation="INV-42", incident="INC-42", number=1, service="checkout",
            proposal=Proposal(action=action, target="Deployment/checkout", reason="",
                              decision=Decision(verdict="ask", codes=(), policy_hash="")),
            state="worked", created_at=began, decided_by="U0MARIA", decided_at=began + timedelta(minutes=5),
            begun_at=began + timedelta(minutes=5), target=Target(uid="u", version="1"),
        )
    )  # fmt: skip
    fix = Fix(what="Drained the node by hand", by="U0LI", at=NINE - timedelta(hours=9))
    records.incidents.save(
        Incident(
            id="INC-41", title="node-3 is not ready", state="resolved", severity="SEV3", source="alertmanager",
            opened_at=NINE - timedelta(hours=10), resolved_at=NINE - timedelta(hours=9, minutes=26),
            command=Command(fix=fix),
        )
    )  # fmt: skip
    records.firings.note([
        firing("HighErrorRate", "checkout", began, 620, incident="INC-42", fingerprint="e1"),
        firing("KubeNodeNotReady", "", NINE - timedelta(hours=10), 2000, incident="INC-41"),
    ])  # fmt: skip


def morning(records: Records) -> None:
    """Who is on call, a certificate that ends, a silence that does."""
    maria = Person(id="P1", name="Maria", slack="U0MARIA")
    records.pages.put_on_call([OnCall(service="checkout", now=(Shift(who=maria),), read_at=NINE)])
    records.changes.note(
        ChangeEvent(id="cert", kind="certificate", at=NINE - timedelta(days=3), target="Certificate/api.shop",
                    title="ends in 12 days", due=NINE + timedelta(days=9, hours=3))
    )  # fmt: skip
    note_silences(records.redis, [Silenced(id="s1", of="DiskFull, node-3", ends_at=NINE + timedelta(hours=5))])


def gap(records: Records) -> None:
    why = "the watch was away for an hour, and Kubernetes keeps no history of ConfigMaps"
    records.changes.note_gap(
        Gap(cluster="prod-eu", start=NINE - timedelta(hours=8), end=NINE - timedelta(hours=7), why=why)
    )
