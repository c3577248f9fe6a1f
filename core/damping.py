"""What makes no incident each time: heartbeats, and alerts that go on and off."""

from __future__ import annotations

from core.folding import Folded
from core.incident import Alert
from core.notification import Group
from core.records import Records


def without_heartbeats(alerts: tuple[Alert, ...], group: Group, records: Records) -> tuple[Alert, ...]:
    """The alerts that mean trouble. A heartbeat is noted: firing it is well, resolved it has stopped."""
    names = set(records.settings.config.grouping.heartbeat.alerts)
    beats = [alert for alert in alerts if alert.name in names]
    for alert in beats:
        where = alert.labels.get("cluster") or group.external_url or "Alertmanager"
        records.book.beat(f"{alert.name} of {where}", records.now() if alert.status == "firing" else None)
    if beats:
        records.book.count(records.now(), {"heartbeats": len(beats)})
    return tuple(alert for alert in alerts if alert.name not in names)


def note_changes(folded: Folded, cluster: str, records: Records) -> set[str]:
    """Fingerprints of the alerts that changed now and so often lately that they are damped."""
    rule = records.settings.config.grouping.flapping
    changed = [alert.fingerprint for alert in (*folded.fresh, *folded.ended)]
    counts = records.book.note_changes(cluster, changed, records.now().timestamp(), rule.within_s) if changed else {}
    return {name for name, count in counts.items() if count >= rule.changes}
