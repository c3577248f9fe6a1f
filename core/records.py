"""The records and ports that every process holds. `workers.world` adds those that only workers may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import redis

from core.anomalies import Anomalies
from core.baselines import Baselines
from core.book import Book
from core.change_events import ChangeEvents
from core.duty import Duty
from core.facts import Facts
from core.firings import Firings
from core.homes import Homes
from core.learned import Learned
from core.ledger import Ledger
from core.model import utc_now
from core.outbox import Outbox
from core.pages import Pages
from core.postmortem import Postmortems
from core.queues import Queues
from core.redis import connect
from core.remediation import Remediations
from core.service_map import ServiceMap, service_map
from core.settings import Settings
from core.stores import Incidents, Investigations, Outcomes, Requests, Switches
from core.tallies import Tallies
from core.toil import Toil
from core.whereabouts import Whereabouts


@dataclass(frozen=True)
class Records:
    """The system of record, the queues and the clock."""

    settings: Settings
    redis: redis.Redis
    incidents: Incidents
    book: Book
    whereabouts: Whereabouts
    learned: Learned
    changes: ChangeEvents
    firings: Firings
    facts: Facts
    tallies: Tallies
    duty: Duty
    toil: Toil
    anomalies: Anomalies
    baselines: Baselines
    investigations: Investigations
    requests: Requests
    outbox: Outbox
    switches: Switches
    outcomes: Outcomes
    remediations: Remediations
    pages: Pages
    postmortems: Postmortems
    ledger: Ledger
    homes: Homes
    queues: Queues
    now: Callable[[], datetime] = utc_now

    def service_map(self, cluster: str | None) -> ServiceMap:
        """Who calls whom, as known now, with the names that hold in this cluster."""
        config = self.settings.config
        return service_map(config, self.learned.edges(self.now().timestamp()), cluster if config.clusters else "")


def open_records(
    settings: Settings, client: redis.Redis | None = None, now: Callable[[], datetime] = utc_now
) -> Records:
    """The records in the configured Redis.

    Raises: Unreachable, ConfigError.
    """
    client = client or connect(settings)
    keep_s = settings.config.retention.incidents * 86_400
    return Records(
        settings=settings, redis=client, incidents=Incidents(client, keep_s), book=Book(client),
        whereabouts=Whereabouts(client), learned=Learned(client), changes=ChangeEvents(client),
        firings=Firings(client), facts=Facts(client), tallies=Tallies(client), duty=Duty(client),
        toil=Toil(client), anomalies=Anomalies(client), baselines=Baselines(client),
        investigations=Investigations(client, keep_s),
        requests=Requests(client), outbox=Outbox(client, now, keep_s), switches=Switches(client),
        outcomes=Outcomes(client),
        remediations=Remediations(client, keep_s), pages=Pages(client),
        postmortems=Postmortems(client, keep_s), ledger=Ledger(client, settings.secrets()),
        homes=Homes(client), queues=Queues(client), now=now,
    )  # fmt: skip
