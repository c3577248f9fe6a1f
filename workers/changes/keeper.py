"""The collectors of one process: one thread for each cluster, started again when it ends by a mistake of ours."""

from __future__ import annotations

import threading
import time
from functools import partial

from core.errors import ConfigError
from core.log import get_logger
from core.records import Records
from workers.changes.collector import Collector
from workers.ports import Watched

log = get_logger(__name__)

STOP_S = 3.0
RESTART_S = 30.0
_LOOK_S = 1.0


class Keeper(threading.Thread):
    """Nothing that goes wrong here reaches whoever started it."""

    def __init__(self, records: Records) -> None:
        super().__init__(name="changes", daemon=True)
        self._records = records
        self._stop_asked = threading.Event()
        self._collectors: dict[str, Collector] = {}
        self._told: set[str] = set()  # clusters that there is no way to

    def run(self) -> None:
        names = clusters_of(self._records)
        due = dict.fromkeys(names, 0.0)
        while not self._stop_asked.is_set():
            for name in names:
                held = self._collectors.get(name)
                if (held and held.is_alive()) or time.monotonic() < due[name]:
                    continue
                if held:
                    log.error("collector_ended", cluster=name)
                due[name] = time.monotonic() + RESTART_S
                if held or self._is_configured(name):
                    self._collectors[name] = self._start(name)
            self._stop_asked.wait(_LOOK_S)

    def stop(self) -> None:
        """End them all within `STOP_S`; what was heard and not saved yet is heard again by the next process."""
        self._stop_asked.set()
        deadline = time.monotonic() + STOP_S
        for thread in (self, *self._collectors.values()):
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _start(self, name: str) -> Collector:
        collector = Collector(self._records, name, partial(self._open, name), self._stop_asked)
        collector.start()
        return collector

    def _open(self, name: str) -> Watched:
        from workers.adapters.kubernetes import open_cluster

        return open_cluster(self._records.settings, name or None)

    def _is_configured(self, name: str) -> bool:
        """Whether there is a way to it at all; whether it answers is another matter. It may come later: a credential
        plugin that fails while the network is away is a setting that is wrong, until it is right."""
        try:
            self._open(name)
        except ConfigError as error:
            if name not in self._told:
                log.info("changes_not_followed", cluster=name, why=str(error))
            self._told.add(name)
            return False
        return True


def clusters_of(records: Records) -> tuple[str, ...]:
    """Catalogue names of the clusters to follow; "" where none has a name."""
    return tuple(records.settings.config.clusters) or ("",)
