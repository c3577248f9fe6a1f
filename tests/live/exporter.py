"""The few metrics of kube-state-metrics that the live rules need, from the API that KUBECONFIG names.

`python exporter.py KUBECONFIG PORT` serves /metrics on loopback.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from core.settings import Settings
from workers.adapters.kubernetes import KubernetesCluster, open_cluster


def _line(name: str, value: float, **labels: str) -> str:
    shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{shown}}} {value}\n"


def metrics(cluster: KubernetesCluster) -> Iterator[str]:
    """Container states and deployments' replicas, as kube-state-metrics names them."""
    for pod in cluster.items("/api/v1/pods"):
        meta, status = pod["metadata"], pod["status"]
        for held in (*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())):
            where = {"namespace": meta["namespace"], "pod": meta["name"], "container": held["name"]}
            if reason := held.get("state", {}).get("waiting", {}).get("reason"):
                yield _line("kube_pod_container_status_waiting_reason", 1, reason=reason, **where)
            yield _line("kube_pod_container_status_restarts_total", held["restartCount"], **where)
    for deployment in cluster.items("/apis/apps/v1/deployments"):
        where = {"namespace": deployment["metadata"]["namespace"], "deployment": deployment["metadata"]["name"]}
        yield _line("kube_deployment_spec_replicas", deployment["spec"]["replicas"], **where)
        ready = deployment["status"].get("readyReplicas", 0)
        yield _line("kube_deployment_status_replicas_ready", ready, **where)


def main(kubeconfig: str, port: int) -> None:
    cluster = open_cluster(Settings(kubeconfig=kubeconfig, data_dir=Path()))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = "".join(metrics(cluster)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
