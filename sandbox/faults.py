"""What goes wrong, and how it began: as a change that somebody made. What follows from it is the world's affair.

A fault ends when its change is undone or outdone: by a rollback, or by a template that works. A restart does not
end it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

from sandbox.kubernetes.events import record
from sandbox.kubernetes.managers import signed
from sandbox.kubernetes.objects import Objects, stamp
from sandbox.kubernetes.resources import Json
from sandbox.services import BY_NAME, NAMESPACE

PIPELINE = "deploy-pipeline"  # in whose name the company's pipeline changes things


@dataclass(frozen=True)
class Rollout:
    """A new pod template for one Deployment, as a pipeline applies it. Whatever is None stays as it was."""

    name: str
    deployment: str
    note: str  # the change cause that the pipeline writes down
    tag: str | None = None
    env: tuple[tuple[str, str], ...] = ()  # set beside those that are there
    without_env: tuple[str, ...] = ()
    args: tuple[tuple[str, str], ...] = ()  # new values of arguments that are there: ("--appendfsync", "no")
    memory_limit: str | None = None
    memory_request: str | None = None

    def apply(self, objects: Objects, now: float) -> Json:
        """Roll it out. Returns the Deployment as it was before, for `restore`."""
        before = objects.find("deployments", NAMESPACE, self.deployment)
        if before is None:
            raise LookupError(f"there is no Deployment {self.deployment!r} to roll out to")
        after = copy.deepcopy(before)
        after["metadata"].setdefault("annotations", {})["kubernetes.io/change-cause"] = self.note
        self._change(after["spec"]["template"]["spec"]["containers"][0])
        objects.put("deployments", signed(before, after, PIPELINE, now), now)
        return before

    def holds(self, objects: Objects) -> bool:
        """Whether its change is in effect: neither undone nor outdone."""
        found = objects.find("deployments", NAMESPACE, self.deployment)
        if found is None:
            return False
        now = found["spec"]["template"]["spec"]["containers"][0]
        changed = copy.deepcopy(now)
        self._change(changed)
        return _settings(changed) == _settings(now)

    def _change(self, container: Json) -> None:
        if self.tag:
            container["image"] = f"{BY_NAME[self.deployment].repository}:{self.tag}"
        dropped = {name for name, _ in self.env} | set(self.without_env)
        env = [e for e in container.get("env", []) if e["name"] not in dropped]
        container["env"] = env + [{"name": name, "value": value} for name, value in self.env]
        for name, value in self.args:
            container["args"][container["args"].index(name) + 1] = value
        for key, memory in (("limits", self.memory_limit), ("requests", self.memory_request)):
            if memory:
                container["resources"][key]["memory"] = memory


@dataclass(frozen=True)
class NodeDown:
    """A node whose kubelet says nothing any more, as when its machine lost its power."""

    name: str
    node: str

    def apply(self, objects: Objects, now: float) -> Json:
        """Take it down. Returns the node as it was, for `restore`. What runs on it is unready from then on."""
        before = objects.find("nodes", "", self.node)
        if before is None:
            raise LookupError(f"there is no node {self.node!r} to take down")
        after = copy.deepcopy(before)
        unknown = {"status": "Unknown", "reason": "NodeStatusUnknown",
                   "message": "Kubelet stopped posting node status.", "lastTransitionTime": stamp(now)}  # fmt: skip
        after["status"]["conditions"] = [{**held, **unknown} for held in before["status"]["conditions"]]
        after["spec"]["taints"] = [{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}]
        stored = objects.put("nodes", after, now)
        record(objects, stored, "Normal", "NodeNotReady", f"Node {self.node} status is now: NodeNotReady", now)
        for pod in objects.list("pods"):
            if pod["spec"].get("nodeName") == self.node:
                objects.put("pods", _unready(pod, now), now)
        return before

    def holds(self, objects: Objects) -> bool:
        found = objects.find("nodes", "", self.node)
        return found is not None and not is_up(found)


Fault = Rollout | NodeDown


def is_up(node: Json) -> bool:
    """Whether its kubelet says that it is ready."""
    return all(c["status"] == "True" for c in node["status"]["conditions"] if c["type"] == "Ready")


def _unready(pod: Json, now: float) -> Json:
    """The pod as the node's controller marks it when its kubelet is silent."""
    body = copy.deepcopy(pod)
    for held in body["status"].get("conditions", ()):
        if held["type"] in ("Ready", "ContainersReady") and held["status"] == "True":
            held |= {"status": "False", "lastTransitionTime": stamp(now)}
    for container in body["status"].get("containerStatuses", ()):
        container["ready"] = False
    return body


def _settings(container: Json) -> Json:
    """The container with its variables in one order."""
    return container | {"env": sorted(container.get("env", []), key=lambda e: str(e["name"]))}


def restore(objects: Objects, before: Json, now: float) -> None:
    """Put back the pod template of a Deployment as it was, as a rollback does; or bring a node back."""
    meta = before["metadata"]
    if before["kind"] == "Node":
        node = objects.find("nodes", "", meta["name"])
        if node is not None:
            spec = {key: value for key, value in node["spec"].items() if key != "taints"}
            status = copy.deepcopy(before["status"])
            status["conditions"] = [{**held, "lastTransitionTime": stamp(now)} for held in status["conditions"]]
            objects.put("nodes", {**node, "spec": spec, "status": status}, now)
        return
    held = objects.find("deployments", meta["namespace"], meta["name"])
    if held is not None:
        template = copy.deepcopy(before["spec"]["template"])
        after = {**held, "spec": {**held["spec"], "template": template}}
        objects.put("deployments", signed(held, after, PIPELINE, now), now)


BAD_DEPLOY = Rollout(
    "bad-deploy", "checkout", "release 1.8.4: carts by URL", tag="1.8.4",
    env=(("CART_URL", "redis://cart-redis:80a/0"),), without_env=("CART_ADDR",),
)  # fmt: skip
MEMORY_LIMIT = Rollout("memory-limit", "search", "smaller limits, to save two nodes", memory_limit="512Mi")
IMAGE_TYPO = Rollout("image-typo", "storefront", "release 4.12.0: wish lists", tag="4.12.o")
UNSCHEDULABLE = Rollout(
    "unschedulable", "catalog", "release 9.3.0: more memory for the price index", tag="9.3.0",
    memory_request="384Gi", memory_limit="384Gi",
)  # fmt: skip
QUIET_DEPENDENCY = Rollout(
    "quiet-dependency", "cart-redis", "flush carts to disk every second", args=(("--appendfsync", "evrysec"),)
)  # fmt: skip
NODE_DOWN = NodeDown("node-down", "node-3")
FAULTS = {f.name: f for f in (BAD_DEPLOY, MEMORY_LIMIT, IMAGE_TYPO, UNSCHEDULABLE, QUIET_DEPENDENCY)}
