"""Follows one cluster for as long as this process holds the lease on it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_hex

import redis

from core.change_events import Gap
from core.errors import Absent, Busy, Forbidden, SreError, Unreachable
from core.joining import note_change
from core.log import get_logger
from core.records import Records
from workers.changes.comparing import Comparison
from workers.changes.kinds import PATHS, Kind
from workers.changes.state import RENEW_S, Seen, State
from workers.changes.stream import Begun, Change, Failed, Heard, Page, Reader
from workers.ports import Watched

log = get_logger(__name__)

SAVE_S = 2.0  # what a crash between two saves heard is heard again, and told under the same ids
AGAIN_S = 3.0
SETTLED_S = 5.0  # after the last list; seven readers do not lose their threads in the same moment
GAP = timedelta(seconds=90)  # away for less, a list tells all that a watch would have
WHY = "nobody watched, and Kubernetes keeps no history of scaling, ConfigMaps and nodes; rollouts are caught up"
_WAITING = 200  # what was heard and not compared yet; whoever hears waits then


class Collector(threading.Thread):
    """One cluster's thread. A second one, here or elsewhere, waits until the first is gone.

    Args:
        name: Catalogue name; "" is the one that has no name.
        open_cluster: Raises ConfigError, Unreachable.
        stop: Ends it within a second or two.
    """

    def __init__(self, records: Records, name: str, open_cluster: Callable[[], Watched], stop: threading.Event) -> None:
        super().__init__(name=f"changes of {name or 'the cluster'}", daemon=True)
        self._records, self.cluster, self._open, self._stop_asked = records, name, open_cluster, stop
        self._state = State(records.redis, name)
        self._token = token_hex(8)
        clusters = records.settings.config.clusters
        self._label = f"Kubernetes {name}" if len(clusters) > 1 else "Kubernetes"  # as probes call it

    def run(self) -> None:
        while not self._stop_asked.is_set():
            try:
                if self._state.hold(self._token):
                    self._collect()
            except (SreError, redis.RedisError) as error:
                log.warning("changes_interrupted", cluster=self.cluster, why=str(error) or type(error).__name__)
            self._stop_asked.wait(RENEW_S)

    def _collect(self) -> None:
        """Until the lease is lost or the end is asked for."""
        try:
            watch = _Watch(self._open(), self)
        except Unreachable:
            self.unreachable()
            raise
        try:
            watch.go_on()
        finally:
            watch.end()
            self._state.drop(self._token)

    def unreachable(self) -> None:
        self._records.switches.mark_unreachable(self._label, self._records.now())

    def reachable(self) -> None:
        self._records.switches.mark_reachable(self._label)

    @property
    def records(self) -> Records:
        return self._records

    @property
    def state(self) -> State:
        return self._state

    @property
    def is_asked_to_stop(self) -> bool:
        return self._stop_asked.is_set()

    def keeps_lease(self) -> bool:
        return self._state.hold(self._token)


class _Watch:
    """One time of holding the lease: seven readers, one memory."""

    def __init__(self, cluster: Watched, owner: Collector) -> None:
        records = owner.records
        rows, self._seen, salt = owner.state.begin(records.now())
        self._owner, self._records = owner, records
        self._heard: queue.Queue[Heard] = queue.Queue(_WAITING)
        self._comparison = Comparison(
            owner.cluster, records.settings.config, cluster, rows, salt, set(self._seen), self._note, records.now
        )
        self._moved: dict[Kind, Seen] = {}
        self._away_since: datetime | None = None
        self._listing: set[Kind] = set()
        self._listed_at = 0.0
        self._down: set[Kind] = set()
        self._is_up = False
        self._readers = [
            Reader(cluster, kind, self._seen[kind].version if kind in self._seen else "", self._heard)
            for kind in PATHS
        ]  # fmt: skip

    def go_on(self) -> None:
        for reader in self._readers:
            reader.start()
        log.info("changes_followed", cluster=self._owner.cluster)
        renewed = saved = tried = time.monotonic()
        while not self._owner.is_asked_to_stop:
            self._hear()
            now = time.monotonic()
            if now - renewed >= RENEW_S:
                renewed = now
                if not self._owner.keeps_lease():
                    log.warning("changes_followed_elsewhere", cluster=self._owner.cluster)
                    return
            if now - tried >= AGAIN_S:
                tried = now
                if not all(reader.is_alive() for reader in self._readers):  # by a mistake of ours; all begin again
                    log.error("changes_reader_ended", cluster=self._owner.cluster)
                    break
                self._comparison.try_again()
                self._declare()
            if now - saved >= SAVE_S:
                saved = now
                self._save()
        self._save()

    def end(self) -> None:
        for reader in self._readers:
            reader.stop()

    def _hear(self) -> None:
        try:
            heard = self._heard.get(timeout=0.5)
        except queue.Empty:
            return
        if isinstance(heard, Failed):
            self._failed(heard)
            return
        self._answers(heard.kind)
        if isinstance(heard, Begun):
            return
        if isinstance(heard, Page):
            if heard.first:
                self._begin_list(heard.kind)
            self._comparison.take_page(heard, self._seen[heard.kind].at if heard.kind in self._seen else None)
            if not heard.last:
                return
            self._end_list(heard.kind)
        elif isinstance(heard, Change):
            self._comparison.take(heard)
        self._seen[heard.kind] = self._moved[heard.kind] = Seen(version=heard.version, at=self._records.now())

    def _failed(self, heard: Failed) -> None:
        log.warning("changes_not_heard", cluster=self._owner.cluster, kind=heard.kind, why=str(heard.error))
        if isinstance(heard.error, Unreachable):
            self._down.add(heard.kind)
            self._is_up = False
            self._owner.unreachable()
        elif isinstance(heard.error, (Absent, Busy, Forbidden)):
            self._answers(heard.kind)

    def _answers(self, kind: Kind) -> None:
        self._down.discard(kind)
        if not self._down and not self._is_up:
            self._is_up = True
            self._owner.reachable()

    def _begin_list(self, kind: Kind) -> None:
        """A list instead of what the watch would have said: what came and went meanwhile is not known."""
        seen = self._seen.get(kind)
        self._listing.add(kind)
        if seen and self._records.now() - seen.at > GAP:
            self._away_since = min(self._away_since or seen.at, seen.at)

    def _end_list(self, kind: Kind) -> None:
        self._listing.discard(kind)
        self._listed_at = time.monotonic()

    def _declare(self) -> None:
        """The gap, once all kinds that had to be listed are: one for all of them."""
        if self._listing or self._away_since is None or time.monotonic() - self._listed_at < SETTLED_S:
            return
        start, end = self._away_since, self._records.now()
        self._away_since = None
        gap = Gap(cluster=self._owner.cluster, start=start, end=end, why=WHY)
        self._records.changes.note_gap(gap)

    def _note(self, event: object) -> None:
        note_change(self._records.changes, event)  # type: ignore[arg-type]

    def _save(self) -> None:
        dirty, self._comparison.dirty = self._comparison.dirty, {}
        moved, self._moved = self._moved, {}
        if dirty or moved:
            self._owner.state.save(dirty, moved)
