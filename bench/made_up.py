"""A made-up cluster of any size. Pods carry what real ones do: probes, volumes, managed fields; one in 100 crashes."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

Obj = dict[str, Any]
NOW = datetime.now(UTC).replace(microsecond=0)
PODS_A_DEPLOYMENT, SERVICES = 10, 2  # a service for every second deployment
FAULTY = 0.01  # share of the pods that crash or wait for their image
LISTS = {
    "/api/v1/pods": "Pod",
    "/api/v1/services": "Service",
    "/api/v1/endpoints": "Endpoints",
    "/api/v1/events": "Event",
    "/api/v1/nodes": "Node",
    "/api/v1/persistentvolumeclaims": "PersistentVolumeClaim",
    "/apis/apps/v1/deployments": "Deployment",
    "/apis/apps/v1/statefulsets": "StatefulSet",
    "/apis/apps/v1/daemonsets": "DaemonSet",
    "/apis/batch/v1/jobs": "Job",
    "/apis/batch/v1/cronjobs": "CronJob",
    "/apis/networking.k8s.io/v1/ingresses": "Ingress",
    "/apis/autoscaling/v2/horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
}


def stamp(ago_s: float) -> str:
    return (NOW - timedelta(seconds=ago_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


def made_up(pods: int, seed: int = 7) -> dict[str, list[Obj]]:
    """Every list's objects by its path."""
    dice = random.Random(seed)
    lists: dict[str, list[Obj]] = {path: [] for path in LISTS}
    nodes = [f"node-{i}" for i in range(max(pods // 50, 1))]
    lists["/api/v1/nodes"] = [_node(name) for name in nodes]
    for number in range(-(-pods // PODS_A_DEPLOYMENT)):
        namespace, name, digest = f"team-{number % 40}", f"service-{number}", f"{dice.getrandbits(36):09x}"
        count = min(PODS_A_DEPLOYMENT, pods - number * PODS_A_DEPLOYMENT)
        members = [_pod(namespace, name, digest, dice, nodes) for _ in range(count)]
        ready = sum(_is_ready(pod) for pod in members)
        lists["/api/v1/pods"] += members
        lists["/apis/apps/v1/deployments"].append(_deployment(namespace, name, len(members), ready))
        lists["/api/v1/events"] += [_event(pod) for pod in members if not _is_ready(pod)]
        if number % SERVICES == 0:
            lists["/api/v1/services"].append(_service(namespace, name))
            lists["/api/v1/endpoints"].append(_endpoints(namespace, name, members))
    return lists


def _meta(namespace: str, name: str, **more: object) -> Obj:
    return {
        "name": name,
        "namespace": namespace,
        "uid": str(uuid.uuid4()),
        "resourceVersion": "1",
        "creationTimestamp": stamp(90_000),
        **more,
    }


def _pod(namespace: str, app: str, digest: str, dice: random.Random, nodes: list[str]) -> Obj:
    faulty = dice.random() < FAULTY
    name = f"{app}-{digest}-{dice.getrandbits(20):05x}"
    probe = {
        "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
        "initialDelaySeconds": 5,
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    env = [{"name": f"SETTING_{i}", "value": f"https://service-{i}.team-{i}.svc:8443/v1"} for i in range(12)]
    container = {
        "name": "app",
        "image": f"registry.example/{app}:1.{dice.randrange(90)}.0",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": env,
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "readinessProbe": probe,
        "livenessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "volumeMounts": [
            {"name": "token", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
        ],
    }
    fields = {"f:spec": {f"f:field{i}": {".": {}, "f:name": {}, "f:value": {}} for i in range(40)}}
    state: Obj = {"running": {"startedAt": stamp(80_000)}}
    last: Obj = {}
    if faulty:
        said = f"back-off 5m0s restarting failed container=app pod={name}"
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": said}}
        last = {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": stamp(130), "finishedAt": stamp(120)}}
    conditions = [
        {
            "type": kind,
            "status": "False" if faulty and "Ready" in kind else "True",
            "lastProbeTime": None,
            "lastTransitionTime": stamp(600 if faulty else 80_000),
        }
        for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    return {
        "metadata": _meta(
            namespace,
            name,
            labels={"app": app, "pod-template-hash": digest},
            ownerReferences=[
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{app}-{digest}",
                    "controller": True,
                    "uid": "1",
                }
            ],
            managedFields=[
                {
                    "manager": "kube-controller-manager",
                    "operation": "Update",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": fields,
                }
            ],
        ),
        "spec": {
            "containers": [container],
            "nodeName": dice.choice(nodes),
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
            "serviceAccountName": "default",
            "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {
                    "key": f"node.kubernetes.io/{k}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
                for k in ("not-ready", "unreachable")
            ],
            "volumes": [
                {
                    "name": "token",
                    "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]},
                }
            ],
        },
        "status": {
            "phase": "Running",
            "conditions": conditions,
            "hostIP": "10.0.0.1",
            "podIP": "10.1.0.9",
            "podIPs": [{"ip": "10.1.0.9"}],
            "startTime": stamp(90_000),
            "qosClass": "Burstable",
            "containerStatuses": [
                {
                    "name": "app",
                    "image": container["image"],
                    "imageID": f"{container['image']}@sha256:{'0' * 64}",
                    "containerID": f"containerd://{'0' * 64}",
                    "ready": not faulty,
                    "started": not faulty,
                    "restartCount": 9 if faulty else 0,
                    "state": state,
                    "lastState": last,
                }
            ],
        },
    }


def _is_ready(pod: Obj) -> bool:
    return bool(pod["status"]["containerStatuses"][0]["ready"])


def _deployment(namespace: str, name: str, desired: int, ready: int) -> Obj:
    labels = {"app": name}
    return {
        "metadata": _meta(namespace, name, labels=labels),
        "spec": {
            "replicas": desired,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": []}},
        },
        "status": {
            "replicas": desired,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": desired,
            "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True"}],
        },
    }


def _service(namespace: str, name: str) -> Obj:
    return {
        "metadata": _meta(namespace, name),
        "spec": {"selector": {"app": name}, "clusterIP": "10.2.0.1", "ports": [{"port": 80, "targetPort": "http"}]},
    }


def _endpoints(namespace: str, name: str, pods: list[Obj]) -> Obj:
    sides: dict[str, list[Obj]] = {"addresses": [], "notReadyAddresses": []}
    for pod in pods:
        side = "addresses" if _is_ready(pod) else "notReadyAddresses"
        sides[side].append({"ip": "10.1.0.9", "nodeName": pod["spec"]["nodeName"]})
    return {"metadata": _meta(namespace, name), "subsets": [{**sides, "ports": [{"port": 8080}]}]}


def _event(pod: Obj) -> Obj:
    meta = pod["metadata"]
    return {
        "metadata": _meta(meta["namespace"], f"{meta['name']}.1"),
        "type": "Warning",
        "reason": "BackOff",
        "count": 9,
        "message": "Back-off restarting failed container",
        "firstTimestamp": stamp(600),
        "lastTimestamp": stamp(60),
        "involvedObject": {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"]},
    }


def _node(name: str) -> Obj:
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": stamp(9e5)},
        "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "images": [{"names": [f"registry.example/i{i}@sha256:{'0' * 64}"], "sizeBytes": 1} for i in range(50)],
        },
    }
