"""What follows from pods: endpoints, disruption budgets, autoscalers' and quotas' statuses."""

from __future__ import annotations

import copy

from sandbox.kubernetes.objects import Objects
from sandbox.kubernetes.quantities import amount
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import condition, is_going, is_ready


def selected(objects: Objects, namespace: str, labels: dict[str, str]) -> list[Json]:
    """The pods with all of these labels."""
    return [
        p
        for p in objects.list("pods", namespace)
        if all(p["metadata"].get("labels", {}).get(k) == v for k, v in labels.items())
    ]


def step_endpoints(objects: Objects, service: Json, now: float) -> None:
    meta, spec = service["metadata"], service["spec"]
    if not spec.get("selector"):
        return
    pods = [p for p in selected(objects, meta["namespace"], spec["selector"]) if "podIP" in p["status"]]
    pods = [p for p in pods if not is_going(p) and p["status"]["phase"] == "Running"]
    addresses = [(is_ready(p), _address(p)) for p in pods]
    ports = [{"name": p["name"], "port": p["targetPort"], "protocol": p["protocol"]} for p in spec["ports"]]
    subset = {"addresses": [a for ready, a in addresses if ready],
              "notReadyAddresses": [a for ready, a in addresses if not ready]}  # fmt: skip
    subset = {k: v for k, v in subset.items() if v}
    labels = dict(meta.get("labels", {}))
    body = objects.find("endpoints", meta["namespace"], meta["name"]) or {
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": labels}
    }
    objects.put("endpoints", {**body, "subsets": [{**subset, "ports": ports}] if subset else []}, now)
    name = f"{meta['name']}-slice"
    slice_ = objects.find("endpointslices", meta["namespace"], name) or {
        "metadata": {"name": name, "namespace": meta["namespace"],
                     "labels": {**labels, "kubernetes.io/service-name": meta["name"]}},
        "addressType": "IPv4",
    }  # fmt: skip
    endpoints = [
        {"addresses": [a["ip"]], "conditions": {"ready": ready, "serving": ready, "terminating": False},
         "targetRef": a["targetRef"], "nodeName": a["nodeName"]}
        for ready, a in addresses
    ]  # fmt: skip
    objects.put("endpointslices", {**slice_, "endpoints": endpoints, "ports": ports}, now)


def _address(pod: Json) -> Json:
    meta = pod["metadata"]
    target = {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": target}


def step_budget(objects: Objects, budget: Json, now: float) -> None:
    spec, body = budget["spec"], copy.deepcopy(budget)
    pods = selected(objects, budget["metadata"]["namespace"], spec["selector"]["matchLabels"])
    healthy = sum(is_ready(p) and not is_going(p) for p in pods)
    allowed = max(0, healthy - spec["minAvailable"])
    why = ("SufficientPods", "True") if allowed else ("InsufficientPods", "False")
    held = budget.get("status", {}).get("conditions", [])
    body["status"] = {
        "currentHealthy": healthy, "desiredHealthy": spec["minAvailable"], "expectedPods": len(pods),
        "disruptionsAllowed": allowed, "observedGeneration": body["metadata"].get("generation", 1),
        "conditions": [{**condition("DisruptionAllowed", why[1], why[0], "", held, now), "message": ""}],
    }  # fmt: skip
    objects.put("poddisruptionbudgets", body, now)


def step_autoscaler(objects: Objects, autoscaler: Json, now: float) -> None:
    """The status of an autoscaler that sees no reason to scale: the load of this company stays within its target."""
    spec, meta = autoscaler["spec"], autoscaler["metadata"]
    target = objects.find("deployments", meta["namespace"], spec["scaleTargetRef"]["name"])
    replicas = target["spec"]["replicas"] if target else 0
    body = copy.deepcopy(autoscaler)
    held = autoscaler.get("status", {}).get("conditions", [])
    able = "recommended size matches current size"
    usage = "the HPA was able to successfully calculate a replica count from cpu resource utilization"
    body["status"] = {
        "currentReplicas": replicas, "desiredReplicas": replicas, "observedGeneration": 1,
        "conditions": [
            condition("AbleToScale", "True", "ReadyForNewScale", able, held, now),
            condition("ScalingActive", "True", "ValidMetricFound", usage, held, now),
            condition("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within range", held, now),
        ],
    }  # fmt: skip
    objects.put("horizontalpodautoscalers", body, now)


def step_quota(objects: Objects, quota: Json, now: float) -> None:
    pods = [
        p
        for p in objects.list("pods", quota["metadata"]["namespace"])
        if p["status"]["phase"] in ("Pending", "Running")
    ]
    cpu = sum(requested(p, "cpu") for p in pods)
    body = copy.deepcopy(quota)
    body["status"] = {
        "hard": quota["spec"]["hard"], "used": {"pods": str(len(pods)), "requests.cpu": f"{round(cpu * 1000)}m"}
    }  # fmt: skip
    objects.put("resourcequotas", body, now)


def requested(pod: Json, what: str) -> float:
    """Cores or bytes that a pod asks the scheduler for."""
    return sum(amount(c.get("resources", {}).get("requests", {}).get(what, 0)) for c in pod["spec"]["containers"])
