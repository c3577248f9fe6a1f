"""Whether alerts are expected, because somebody is at work."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from core.concern import cluster_named
from core.incident import Alert
from core.labels import namespace_of, service_of
from core.settings import Config


def expected_until(alerts: Iterable[Alert], config: Config, now: datetime) -> tuple[datetime | None, str]:
    """Until when all of these that fire are expected, and why; (None, "") when one of them is not."""
    ends: list[datetime] = []
    reasons: dict[str, None] = {}
    for alert in alerts:
        if alert.status != "firing" or not config.maintenance:
            continue
        service = service_of(alert.labels, config)
        known = config.services.get(service or "")
        place = {
            "service": service, "namespace": namespace_of(alert.labels) or (known.namespace if known else None),
            "cluster": cluster_named(alert.labels, config) or None,
        }  # fmt: skip
        covering = [window for window in config.maintenance if window.covers(place, now)]
        if not covering:
            return None, ""
        last = max(covering, key=lambda window: window.until)
        ends.append(last.until)
        reasons[last.why or f"maintenance of {last.service or last.namespace or last.cluster}"] = None
    return (min(ends), "; ".join(reasons)) if ends else (None, "")
