"""What is followed. Each of these is served in this version by every Kubernetes since 1.9."""

from __future__ import annotations

from typing import Literal

Kind = Literal["Deployment", "StatefulSet", "DaemonSet", "ControllerRevision", "ConfigMap", "Node", "Job"]

# Not pods: there are thousands, they change all the time, and what makes them says all that is asked here.
# Not ReplicaSets: a Deployment's annotation says when to read those few that are asked for.
PATHS: dict[Kind, str] = {
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "DaemonSet": "/apis/apps/v1/daemonsets",
    "ControllerRevision": "/apis/apps/v1/controllerrevisions",
    "ConfigMap": "/api/v1/configmaps",
    "Node": "/api/v1/nodes",
    "Job": "/apis/batch/v1/jobs",
}
RIGHTS: tuple[tuple[str, str], ...] = (
    ("apps", "deployments"), ("apps", "statefulsets"), ("apps", "daemonsets"), ("apps", "controllerrevisions"),
    ("", "configmaps"), ("", "nodes"), ("batch", "jobs"),
)  # fmt: skip
"""API group and resource that must be listed and watched."""
