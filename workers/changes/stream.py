"""One kind of one cluster as it is heard: listed once, then followed, and listed again when the thread is lost."""

from __future__ import annotations

import contextlib
import queue
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.errors import Absent, Busy, Expired, Forbidden, SreError, ToolError
from core.log import get_logger
from workers.changes.kinds import PATHS, Kind
from workers.ports import Watch, Watched
from workers.triage.objects import Obj

log = get_logger(__name__)

PAGE = 100  # objects at a time: ConfigMaps may have a megabyte each
WATCH_S = 240  # a quiet watch whose server has gone without a word is found out after so long
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
SHORT_S = 1.0  # a watch that ends so soon, and well, did not last: what is between us and the server cuts it
REFUSED_WAIT_S = 300.0  # rights change when a person changes them


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    kind: Kind
    objects: list[Obj]
    first: bool
    last: bool
    version: str  # of the whole list


@dataclass(frozen=True)
class Change:
    kind: Kind
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Obj
    version: str


@dataclass(frozen=True)
class Begun:
    """The server answers; whether anything of this kind has changed, nobody has said yet."""

    kind: Kind


@dataclass(frozen=True)
class Quiet:
    """Nothing of this kind has changed up to this version."""

    kind: Kind
    version: str


@dataclass(frozen=True)
class Failed:
    """It cannot be heard; it is tried again by itself."""

    kind: Kind
    error: SreError


Heard = Begun | Page | Change | Quiet | Failed


class Reader(threading.Thread):
    """Puts what it hears of one kind into a queue, until it is stopped.

    Args:
        since: The resourceVersion to go on from; "" lists first.
    """

    def __init__(self, cluster: Watched, kind: Kind, since: str, heard: queue.Queue[Heard]) -> None:
        super().__init__(name=f"changes {cluster.name} {kind}", daemon=True)
        self._cluster, self.kind, self._since, self._heard = cluster, kind, since, heard
        self._stop_asked = threading.Event()
        self._watch: Watch | None = None
        self._listed_at: float | None = None

    def run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop_asked.is_set():
            try:
                for said in self._listen():
                    if not isinstance(said, Page):  # lists that come through tell nothing of the watches
                        wait_s = FIRST_WAIT_S
                    if not self._put(said):
                        return
                continue
            except Expired as error:
                self._since = ""
                pause_s = 0.0
                if self._listed_at is not None and time.monotonic() - self._listed_at < LONGEST_WAIT_S:
                    self._put(Failed(self.kind, error))  # what was just listed is kept no more: listing does not help
                    pause_s, wait_s = _about(wait_s), min(2 * wait_s, LONGEST_WAIT_S)
            except (Forbidden, Absent) as error:
                self._put(Failed(self.kind, error))
                pause_s = REFUSED_WAIT_S
            except SreError as error:
                self._put(Failed(self.kind, error))
                pause_s, wait_s = _about(wait_s), min(2 * wait_s, LONGEST_WAIT_S)
                if isinstance(error, Busy):
                    pause_s = max(pause_s, min(error.retry_after_s, REFUSED_WAIT_S))
            self._stop_asked.wait(pause_s)

    def stop(self) -> None:
        """Ends it within a moment. Safe to repeat."""
        self._stop_asked.set()
        if self._watch:
            self._watch.close()

    def _listen(self) -> Iterator[Heard]:
        if not self._since:
            yield from self._list()
        watch = self._watch = self._cluster.watch(
            PATHS[self.kind], since=self._since, timeout_s=WATCH_S, begun=lambda: self._put(Begun(self.kind))
        )
        if self._stop_asked.is_set():
            return
        began = time.monotonic()
        for event in watch:
            changed = event.get("object") or {}
            version = str((changed.get("metadata") or {}).get("resourceVersion") or self._since)
            said: Heard
            if event.get("type") == "BOOKMARK":
                said = Quiet(self.kind, version)
            else:
                said = Change(self.kind, event["type"], changed, version)
            yield said
            self._since = version
        if time.monotonic() - began < SHORT_S and not self._stop_asked.is_set():
            raise ToolError(f"changes of kind {self.kind}", "the watch ended as soon as it had begun")
        yield Quiet(self.kind, self._since)

    def _list(self) -> Iterator[Heard]:
        """Raises: ToolError, also when the list expired between two pages."""
        token, first = "", True
        while True:
            asked: dict[str, str | int] = {"limit": PAGE} | ({"continue": token} if token else {})
            try:
                page = self._cluster.get(PATHS[self.kind], **asked)
            except ToolError as error:
                if token and "410" in error.why:
                    raise Expired(error.what, error.why) from error
                raise
            meta = page.get("metadata") or {}
            token, version = str(meta.get("continue") or ""), str(meta.get("resourceVersion") or "")
            yield Page(self.kind, page.get("items") or [], first, not token, version)
            first = False
            if not token:
                self._since, self._listed_at = version, time.monotonic()
                return

    def _put(self, said: Heard) -> bool:
        """Whether it was taken; False once this one is to stop."""
        while not self._stop_asked.is_set():
            with contextlib.suppress(queue.Full):
                self._heard.put(said, timeout=0.5)
                return True
        return False


def _about(wait_s: float) -> float:
    """So that seven do not come back at once."""
    return wait_s * random.uniform(0.7, 1.3)
