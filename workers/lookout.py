"""Looks around by the clock for what the web process cannot see: where pods run, what was rolled out, who calls whom,
and silences."""

from __future__ import annotations

from collections import defaultdict

from core.errors import SreError
from core.log import get_logger
from core.reconciling import reconcile
from core.silences import note_silences
from core.whereabouts import Seen
from workers.learning import learn
from workers.ports import Cluster
from workers.triage.objects import Obj, annotations_of, created_at, labels_of, name_of, namespace_of, spec_of, status_of
from workers.world import World

log = get_logger(__name__)

_RELEASES = ("meta.helm.sh/release-name", "argocd.argoproj.io/instance", "app.kubernetes.io/instance")
_REVISION = "deployment.kubernetes.io/revision"


def look_around(world: World) -> None:
    """Note what is where in every cluster, and what Alertmanager has silenced. What does not answer is left out."""
    records = world.records
    for name in (*records.settings.config.clusters, *([None] if not records.settings.config.clusters else [])):
        try:
            records.whereabouts.note(name or "", seen_in(world.outside.cluster(name)), records.now().timestamp())
        except SreError as error:
            log.warning("not_looked_around", cluster=name, why=str(error))
    learn(world)
    if world.outside.alerts is not None:
        reconcile(world.outside.alerts.every(), records)
        note_silences(records.redis, world.outside.alerts.silences())


def seen_in(cluster: Cluster) -> Seen:
    """Every pod's node, and the newest rollout of every deployment. Raises: ToolError, Unreachable."""
    sets = list(cluster.items("/apis/apps/v1/replicasets"))
    owners = {(namespace_of(s), name_of(s)): _owner(s) or name_of(s) for s in sets}
    pods: dict[str, str] = {}
    on: dict[str, set[str]] = defaultdict(set)
    for pod in cluster.items("/api/v1/pods"):
        node, namespace = spec_of(pod).get("nodeName"), namespace_of(pod)
        if node:
            pods[f"{namespace}/{name_of(pod)}"] = node
            owner = _owner(pod)
            on[f"{namespace}/{owners.get((namespace, owner or ''), owner or name_of(pod))}"].add(node)
    nodes: dict[str, str] = {}
    for node_object in cluster.items("/api/v1/nodes"):
        addresses = status_of(node_object).get("addresses") or ()
        nodes |= {name: name_of(node_object) for name in (name_of(node_object), *(a["address"] for a in addresses))}
    return Seen(pods, {name: frozenset(where) for name, where in on.items()}, nodes, _rollouts(sets))


def _rollouts(sets: list[Obj]) -> dict[str, tuple[str, float]]:
    """The newest rollout of every deployment: with which release, else in which namespace, and when it began."""
    newest: dict[str, tuple[int, Obj]] = {}
    for found in sets:
        revision, owner = str(annotations_of(found).get(_REVISION, "")), _owner(found)
        if owner and revision.isdigit():
            name = f"{namespace_of(found)}/{owner}"
            newest[name] = max(newest.get(name, (0, found)), (int(revision), found), key=lambda pair: pair[0])
    return {
        name: (_release(found), began.timestamp())
        for name, (_, found) in newest.items()
        if (began := created_at(found)) is not None
    }


def _release(replica_set: Obj) -> str:
    said = {**labels_of(replica_set), **annotations_of(replica_set)}
    named = next((str(said[key]) for key in _RELEASES if said.get(key)), None)
    return f"release {named}" if named else f"one rollout in {namespace_of(replica_set)}"


def _owner(obj: Obj) -> str | None:
    """The name of its controller."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((str(r["name"]) for r in references if r.get("controller")), None)
