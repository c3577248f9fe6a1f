"""Compares what is heard of a cluster with what is remembered of it, and tells the differences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from core.change_events import ChangeEvent
from core.errors import Absent, SreError
from core.log import get_logger
from core.model import Model
from core.settings import Config
from workers.changes import configs, jobs, nodes, releases, workloads
from workers.changes.autoscalers import Autoscalers
from workers.changes.damping import Run
from workers.changes.kinds import PATHS, Kind
from workers.changes.place import Place
from workers.changes.rollouts import removed, rollouts
from workers.changes.stream import Change, Page
from workers.changes.who import is_ours, mark_of
from workers.ports import Cluster
from workers.triage.changes import revisions_of
from workers.triage.objects import (
    Obj,
    condition,
    created_at,
    key_of,
    moment,
    name_of,
    namespace_of,
)

log = get_logger(__name__)

BACKFILL = timedelta(hours=24)  # on a first start: rollouts and failures that the cluster still knows of
WORKLOADS: tuple[Kind, ...] = ("Deployment", "StatefulSet", "DaemonSet")
_TRIES = 3  # of what could not be read or told yet
M = TypeVar("M", bound=Model)


class _Revision(Model):
    """What is kept of a ControllerRevision."""

    owner: str  # uid
    number: int


class _Failure(Model):
    """What is kept of a job that failed."""

    uid: str


class Comparison:
    """One cluster's memory, and what it makes of news. For one thread.

    Args:
        rows: What is remembered, by "Deployment/shop/checkout"; changed in place.
        known: Kinds that were followed before: what is not remembered of these is new, of others it was there already.
        note: Takes each change. A change may come again, under the same id.
    """

    def __init__(
        self, name: str, config: Config, cluster: Cluster, rows: dict[str, str], salt: str, known: set[Kind],
        note: Callable[[ChangeEvent], object], now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.rows, self.known = rows, known
        self.dirty: dict[str, str | None] = {}
        self._name, self._config, self._cluster, self._salt = name, config, cluster, salt
        self._note, self._now = note, now
        self._autoscalers = Autoscalers(cluster)
        self._listed: dict[Kind, set[str]] = {}
        self._again: dict[str, tuple[Kind, Obj, int]] = {}  # what could not be told yet, and how often it was tried
        self._numbers: dict[str, int] = {}  # owner's uid to its newest ControllerRevision
        for key in [key for key in rows if key.startswith("ControllerRevision/")]:
            self._count(_Revision.model_validate_json(rows[key]))

    def take_page(self, page: Page, since: datetime | None = None) -> None:
        """A part of a list; after the last one, what is remembered and was not in it is gone.

        Args:
            since: When this kind was heard of last.
        """
        place = self._place(since)
        seen = self._listed.setdefault(page.kind, set())
        if page.first:
            seen.clear()
        for obj in page.objects:
            seen.add(_key(page.kind, obj))
            self._look(page.kind, obj, place)
        if page.last:
            for key in [key for key in self.rows if key.startswith(f"{page.kind}/") and key not in seen]:
                self._gone(page.kind, key, None, place)
            self.known.add(page.kind)

    def take(self, change: Change) -> None:
        """One change as it happens."""
        place = self._place()
        if change.type == "DELETED":
            self._gone(change.kind, _key(change.kind, change.object), change.object, place)
        else:
            self._look(change.kind, change.object, place)

    def try_again(self) -> None:
        """What could not be read when it was heard."""
        for key, (kind, obj, _) in list(self._again.items()):
            if key in self._again:
                self._look(kind, obj, self._place())

    def _place(self, since: datetime | None = None) -> Place:
        return Place(self._name, self._config, self._now(), since)

    def _look(self, kind: Kind, obj: Obj, place: Place) -> None:
        key = _key(kind, obj)
        try:
            match kind:
                case "Deployment" | "StatefulSet" | "DaemonSet":
                    self._workload(kind, key, obj, place)
                case "ControllerRevision":
                    self._revision(key, obj, place)
                case "ConfigMap":
                    self._config_map(key, obj, place)
                case "Node":
                    self._node(key, obj, place)
                case "Job":
                    self._job(key, obj, place)
            self._again.pop(key, None)
        except SreError as error:
            tries = self._again[key][2] + 1 if key in self._again else 1
            if tries > _TRIES:
                log.warning("change_not_read", cluster=self._name, object=key, why=str(error))
                del self._again[key]
            else:
                self._again[key] = (kind, obj, tries)

    def _workload(self, kind: Kind, key: str, obj: Obj, place: Place) -> None:
        before = self._row(key, workloads.Facts)
        now = workloads.facts_of(obj, before)
        if before and before.uid != now.uid:
            before = None
        is_new = before is None and kind in self.known
        told = False
        is_young = before or is_new or _moved_since(obj, place.now - BACKFILL)
        if kind == "Deployment" and now.revision > (before.revision if before else 0) and is_young:
            after = before.revision if before else 0 if is_new else None
            told = self._tell_rollouts(kind, obj, place, after, ours=bool(before and is_ours(obj, before.mark)))
        if before and before.replicas is not None and now.replicas is not None and before.replicas != now.replicas:
            wants = self._autoscalers.want(kind, obj, sure=key in self._again and self._again[key][2] >= _TRIES)
            event, run = workloads.scaled(kind, obj, before, wants, place)
            self._note(event)
            now, told = now.model_copy(update={"scaling": run}), True
        if now.release:
            self._release(obj, before, now, place, is_new=is_new)
        if before and not told:  # whose mark it is shows once the change that it is on is told
            now = now.model_copy(update={"mark": before.mark})
        self._keep(key, now)

    def _tell_rollouts(self, kind: str, obj: Obj, place: Place, after: int | None, *, ours: bool) -> bool:
        revisions, _ = revisions_of(obj, kind, self._cluster)
        since = place.now - BACKFILL
        for event in rollouts(obj, kind, revisions, place, after=after, since=since, ours=ours):
            self._note(event)
        return True

    def _release(
        self, obj: Obj, before: workloads.Facts | None, now: workloads.Facts, place: Place, *, is_new: bool
    ) -> None:
        key = f"Release/{now.release}"
        known = self.rows.get(key, "")
        event = releases.released(obj, before, now, known, place) if before or is_new else None
        if event:
            self._note(event)
        if now.chart and (event or not known):
            self._put(key, now.chart)

    def _revision(self, key: str, obj: Obj, place: Place) -> None:
        """A StatefulSet or DaemonSet that has a new revision, or an old one under a new number."""
        owner = next((o for o in obj["metadata"].get("ownerReferences") or () if o.get("controller")), None)
        if owner is None or owner.get("kind") not in WORKLOADS:
            return
        now = _Revision(owner=str(owner.get("uid")), number=int(obj.get("revision") or 0))
        last = self._numbers.get(now.owner)
        is_known = "ControllerRevision" in self.known
        if (now.number > (last or 0)) if is_known else _is_younger(obj, place.now - BACKFILL):
            kind, name = str(owner["kind"]), str(owner.get("name"))
            path = PATHS[kind].rpartition("/")  # type: ignore[index]  # checked above
            try:
                workload = self._cluster.get(f"{path[0]}/namespaces/{namespace_of(obj)}/{path[2]}/{name}")
            except Absent:
                return  # its owner went, and it will
            row = f"{kind}/{namespace_of(obj)}/{name}"
            held = self._row(row, workloads.Facts)
            ours = bool(held and is_ours(workload, held.mark))
            self._tell_rollouts(kind, workload, place, (last or 0) if is_known else None, ours=ours)
            if held:
                self._keep(row, held.model_copy(update={"mark": mark_of(workload)}))
        self._count(now)
        self._keep(key, now)

    def _config_map(self, key: str, obj: Obj, place: Place) -> None:
        before = self._row(key, configs.Facts)
        now = configs.facts_of(obj, self._salt, before)
        if now is None:
            return
        if (before and before.keys != now.keys) or (before is None and "ConfigMap" in self.known):
            event, run = configs.edited(obj, before, now, self._users(obj), place)
            self._note(event)
            now = now.model_copy(update={"editing": run})
        self._keep(key, now)

    def _node(self, key: str, obj: Obj, place: Place) -> None:
        before = self._row(key, nodes.Facts)
        now = nodes.facts_of(obj, before)
        if before or "Node" in self.known:
            found, now = nodes.differences(obj, before, now, place)
            for event in found:
                self._note(event)
        self._keep(key, now)

    def _job(self, key: str, obj: Obj, place: Place) -> None:
        at = jobs.failed_at(obj)
        uid = str(obj["metadata"].get("uid"))
        held = self._row(key, _Failure)
        if at is None or (held and held.uid == uid):
            return
        if "Job" in self.known or at >= place.now - BACKFILL:
            series = f"Failures/{namespace_of(obj)}/{jobs.series_of(obj)}"
            event, run = jobs.failed(obj, at, self._row(series, Run), place)
            self._note(event)
            self._keep(series, run)
        self._keep(key, _Failure(uid=uid))

    def _gone(self, kind: Kind, key: str, obj: Obj | None, place: Place) -> None:
        raw = self.rows.get(key)
        self._again.pop(key, None)
        if raw is None:
            return
        _, namespace, name = key.split("/", 2)
        if kind in WORKLOADS:
            uid = workloads.Facts.model_validate_json(raw).uid
            self._note(removed(kind, obj or {"metadata": {"name": name, "namespace": namespace, "uid": uid}}, place))
        elif kind == "ConfigMap":
            held = configs.Facts.model_validate_json(raw)
            users = self._users({"metadata": {"name": name, "namespace": namespace}})
            self._note(configs.removed(name, namespace, held, users, place))
        elif kind == "Node":
            self._note(nodes.removed(name, nodes.Facts.model_validate_json(raw), place))
        self._put(key, None)

    def _users(self, config: Obj) -> tuple[str, ...]:
        """The workloads whose pods use a ConfigMap."""
        namespace, name = key_of(config)
        return tuple(
            f"{kind}/{key.rpartition('/')[2]}"
            for kind in WORKLOADS
            for key in self.rows
            if key.startswith(f"{kind}/{namespace}/")
            and name in workloads.Facts.model_validate_json(self.rows[key]).configs
        )

    def _count(self, revision: _Revision) -> None:
        self._numbers[revision.owner] = max(self._numbers.get(revision.owner, 0), revision.number)

    def _row(self, key: str, model: type[M]) -> M | None:
        raw = self.rows.get(key)
        return model.model_validate_json(raw) if raw else None

    def _keep(self, key: str, value: Model) -> None:
        self._put(key, value.model_dump_json(exclude_defaults=True))

    def _put(self, key: str, raw: str | None) -> None:
        if self.rows.get(key) == raw:
            return
        if raw is None:
            del self.rows[key]
        else:
            self.rows[key] = raw
        self.dirty[key] = raw


def _key(kind: Kind, obj: Obj) -> str:
    return f"{kind}/{namespace_of(obj)}/{name_of(obj)}"


def _moved_since(deployment: Obj, since: datetime) -> bool:
    """Whether it may have been rolled out since then."""
    progress = moment(condition(deployment, "Progressing").get("lastUpdateTime"))
    return any(at is not None and at >= since for at in (progress, created_at(deployment)))


def _is_younger(obj: Obj, since: datetime) -> bool:
    at = created_at(obj)
    return at is not None and at >= since
