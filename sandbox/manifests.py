"""The company's objects as its engineers applied them, made from the table of services."""

from __future__ import annotations

import base64
import copy
from typing import Any

from sandbox.kubernetes.objects import Objects, stamp
from sandbox.kubernetes.resources import Json
from sandbox.services import (
    BATCH,
    BATCH_CRONJOB,
    BATCH_EVERY_MIN,
    BATCH_IMAGE,
    COREDNS_IMAGE,
    NAMESPACE,
    SERVICES,
    Release,
    Service,
)

NODES = ("node-1", "node-2", "node-3")
NODE_CPU, NODE_MEMORY_MIB = 4, 8192
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def template(service: Service, release: Release) -> Json:
    """The pod template of one release."""
    container: Json = {
        "name": service.name,
        "image": f"{service.repository}:{release.tag}",
        "ports": [{"containerPort": service.port, "name": "main", "protocol": "TCP"}],
        "env": [{"name": name, "value": value} for name, value in service.env],
        "resources": {
            "requests": {"cpu": f"{service.cpu_request_m}m", "memory": f"{service.memory_limit_mib // 2}Mi"},
            "limits": {"cpu": f"{service.cpu_limit_m}m", "memory": f"{service.memory_limit_mib}Mi"},
        },
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    if service.args:
        container["args"] = list(service.args)
    if service.speaks_http:
        probe = {"httpGet": {"path": "/healthz", "port": service.port, "scheme": "HTTP"}, "periodSeconds": 5}
        container["readinessProbe"] = {**probe, "failureThreshold": 3, "successThreshold": 1, "timeoutSeconds": 1}
    labels = {"app": service.name, "app.kubernetes.io/name": service.name, "app.kubernetes.io/part-of": "shop"}
    spec = pod_spec(container)
    if service.kind == "StatefulSet":
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name(service)}}]
        container["volumeMounts"] = [{"name": "data", "mountPath": "/var/lib/postgresql/data"}]
    return {"metadata": {"labels": labels}, "spec": spec}


def claim_name(service: Service) -> str:
    return f"data-{service.name}-0"


def pod_spec(container: Json, restart: str = "Always") -> Json:
    return {
        "containers": [container],
        "restartPolicy": restart,
        "serviceAccountName": "default",
        "schedulerName": "default-scheduler",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
    }


def apply_all(objects: Objects, now: float) -> None:
    """Everything but pods, ReplicaSets and statuses, which the controllers and the kubelet make."""
    for name, age_days in (("default", 400), ("kube-system", 400), (NAMESPACE, 390), ("monitoring", 380)):
        labels = {"kubernetes.io/metadata.name": name}
        body = {"metadata": {"name": name, "labels": labels}, "spec": {"finalizers": ["kubernetes"]}}
        put(objects, "namespaces", {**body, "status": {"phase": "Active"}}, now - age_days * DAY_S)
        put(objects, "serviceaccounts", {"metadata": {"name": "default", "namespace": name}}, now - age_days * DAY_S)
    for index, name in enumerate(NODES):
        put(objects, "nodes", node(name, index, now), now - (60 + index) * DAY_S)
    for service in SERVICES:
        _apply_service(objects, service, now)
    _apply_batch(objects, now)
    _apply_coredns(objects, now)
    _apply_others(objects, now)


def put(objects: Objects, plural: str, body: Json, created: float) -> Json:
    body["metadata"].setdefault("creationTimestamp", stamp(created))
    return objects.put(plural, body, created)


def named(name: str, namespace: str = NAMESPACE, **more: Any) -> Json:
    return {"name": name, "namespace": namespace, **more}


def node(name: str, index: int, now: float) -> Json:
    size = {"cpu": str(NODE_CPU), "memory": f"{NODE_MEMORY_MIB * 1024}Ki", "pods": "110"}
    labels = {
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": "standard-4", "topology.kubernetes.io/zone": f"eu-1{'abc'[index]}",
    }  # fmt: skip
    good = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
    conditions = [
        {"type": t, "status": s, "reason": r, "message": m, "lastTransitionTime": stamp(now - 60 * DAY_S),
         "lastHeartbeatTime": stamp(now)}
        for t, s, r, m in good
    ]  # fmt: skip
    info = {
        "kubeletVersion": "v1.28.9", "kubeProxyVersion": "v1.28.9", "osImage": "Debian GNU/Linux 12 (bookworm)",
        "kernelVersion": "6.1.0-20-amd64", "containerRuntimeVersion": "containerd://1.7.15", "architecture": "amd64",
        "operatingSystem": "linux", "machineID": name, "systemUUID": name, "bootID": name,
    }  # fmt: skip
    addresses = [{"type": "InternalIP", "address": f"10.0.0.{11 + index}"}, {"type": "Hostname", "address": name}]
    status = {
        "capacity": size, "allocatable": size, "conditions": conditions, "addresses": addresses, "nodeInfo": info,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}, "images": [],
    }  # fmt: skip
    return {"metadata": {"name": name, "labels": labels}, "spec": {"podCIDR": f"10.244.{index}.0/24"}, "status": status}


def _apply_service(objects: Objects, service: Service, now: float) -> None:
    born = now - service.releases[0].hours_ago * HOUR_S
    spec: Json = {
        "replicas": service.replicas,
        "selector": {"matchLabels": {"app": service.name}},
        "template": template(service, service.releases[0]),
        "revisionHistoryLimit": 10,
    }
    meta = named(service.name, labels={"app": service.name})
    if service.kind == "Deployment":
        rolling = {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": service.max_unavailable},
        }
        spec |= {"strategy": {"type": "Recreate"} if service.recreate else rolling, "progressDeadlineSeconds": 120}
        put(objects, "deployments", {"metadata": meta, "spec": spec}, born)
    else:
        _apply_stateful(objects, service, meta, spec, born)
    port = {"name": "main", "port": service.port, "targetPort": service.port, "protocol": "TCP"}
    address = f"10.96.14.{10 + SERVICES.index(service)}"
    body = {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "sessionAffinity": "None",
            "selector": {"app": service.name}, "ports": [port]}  # fmt: skip
    put(objects, "services", {"metadata": copy.deepcopy(meta), "spec": body, "status": {"loadBalancer": {}}}, born)


def _apply_stateful(objects: Objects, service: Service, meta: Json, spec: Json, born: float) -> None:
    claim = claim_name(service)
    spec |= {"serviceName": service.name, "podManagementPolicy": "OrderedReady",
             "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}  # fmt: skip
    put(objects, "statefulsets", {"metadata": meta, "spec": spec}, born)
    size = {"storage": "50Gi"}
    put(objects, "persistentvolumeclaims", {
        "metadata": named(claim, labels={"app": service.name}),
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": size}, "storageClassName": "ssd",
                 "volumeMode": "Filesystem", "volumeName": f"pv-{claim}"},
        "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": size},
    }, born)  # fmt: skip
    put(objects, "persistentvolumes", {
        "metadata": {"name": f"pv-{claim}"},
        "spec": {"capacity": size, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
                 "storageClassName": "ssd", "claimRef": {"namespace": NAMESPACE, "name": claim}},
        "status": {"phase": "Bound"},
    }, born)  # fmt: skip
    put(objects, "storageclasses", {"metadata": {"name": "ssd"}, "provisioner": "disk.example"}, born)


def _apply_batch(objects: Objects, now: float) -> None:
    container = {
        "name": BATCH_CRONJOB, "image": BATCH_IMAGE, "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "ORDERS_DB_HOST", "value": "orders-db"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
    }  # fmt: skip
    labels = {"app": BATCH}
    job = {"backoffLimit": 2, "template": {"metadata": {"labels": labels}, "spec": pod_spec(container, "Never")}}
    put(objects, "cronjobs", {
        "metadata": named(BATCH_CRONJOB, labels=labels),
        "spec": {"schedule": f"*/{BATCH_EVERY_MIN} * * * *", "concurrencyPolicy": "Forbid", "suspend": False,
                 "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
                 "jobTemplate": {"metadata": {"labels": labels}, "spec": job}},
        "status": {},
    }, now - 200 * DAY_S)  # fmt: skip


def _apply_coredns(objects: Objects, now: float) -> None:
    container = {
        "name": "coredns", "image": COREDNS_IMAGE, "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
        "ports": [{"containerPort": 53, "name": "dns", "protocol": "UDP"}], "imagePullPolicy": "IfNotPresent",
    }  # fmt: skip
    labels = {"k8s-app": "kube-dns"}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "strategy": rolling, "progressDeadlineSeconds": 600,
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(container)}}  # fmt: skip
    put(objects, "deployments", {"metadata": named("coredns", "kube-system", labels=labels), "spec": spec},
        now - 300 * DAY_S)  # fmt: skip
    ports = [{"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"}]
    put(objects, "services", {"metadata": named("kube-dns", "kube-system", labels=labels),
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.10", "selector": labels, "ports": ports}},
        now - 300 * DAY_S)  # fmt: skip


def _apply_others(objects: Objects, now: float) -> None:
    """What a cluster holds beside workloads; all of it well, some of it looking odd to a hasty reader."""
    long_ago = now - 200 * DAY_S
    leader = {"control-plane.alpha.kubernetes.io/leader": '{"holderIdentity":"node-1","leaseDurationSeconds":15}'}
    put(objects, "endpoints", {"metadata": named("kube-scheduler", "kube-system", annotations=leader)}, long_ago)
    put(objects, "configmaps", {"metadata": named("old-banner"), "data": {"text": "Summer sale"}}, long_ago)
    secret = base64.b64encode(b"not-a-real-password").decode()
    put(objects, "secrets", {"metadata": named("acquirer-key"), "type": "Opaque", "data": {"key": secret}}, long_ago)
    put(objects, "ingresses", {
        "metadata": named("shop"),
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "shop.example", "http": {"paths": [
            {"path": "/", "pathType": "Prefix",
             "backend": {"service": {"name": "storefront", "port": {"number": 8080}}}}]}}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}},
    }, long_ago)  # fmt: skip
    put(objects, "poddisruptionbudgets", {
        "metadata": named("checkout"), "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "checkout"}}},
    }, long_ago)  # fmt: skip
    put(objects, "horizontalpodautoscalers", {
        "metadata": named("search"),
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "search"},
                 "minReplicas": 2, "maxReplicas": 4, "metrics": [{"type": "Resource", "resource": {
                     "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]},
    }, long_ago)  # fmt: skip
    put(objects, "resourcequotas", {
        "metadata": named("shop"), "spec": {"hard": {"pods": "80", "requests.cpu": "20"}},
    }, long_ago)  # fmt: skip
