"""Triage of 5,000 pods against `kubectl get pods -A -o json` on the same API: CPU, wall, and their ratios.

    python bench/triage.py              # serves a made-up cluster on loopback
    KUBECONFIG=… python bench/triage.py # that cluster, which gets pods until it has 5,000; they are removed again

Without kubectl the reference is the kubernetes client's own typed list.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.model import utc_now
from core.settings import load_settings
from workers.adapters.kubernetes import open_cluster
from workers.loop.observe import triage

NAMESPACE = "sre-bot-bench"


@contextmanager
def replayed(pods: int) -> Iterator[str]:
    """The kubeconfig of a made-up cluster, served by a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).with_name("replay.py")), folder, "--pods", str(pods)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.wait()


@contextmanager
def filled(kubeconfig: str, pods: int) -> Iterator[str]:
    """That cluster with as many pods, the missing ones in a namespace of their own."""
    from kubernetes import client, config

    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    missing = pods - _count(kubeconfig)
    if missing > 0:
        api.create_namespace({"metadata": {"name": NAMESPACE}})
        container = {
            "name": "app",
            "image": "registry.example/app:1.0",
            "env": [{"name": "LAB_BEHAVIOUR", "value": "ok"}],
        }
        body = {
            "metadata": {"generateName": "filler-", "labels": {"app": "filler"}},
            "spec": {"containers": [container]},
        }
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: api.create_namespaced_pod(NAMESPACE, body, _preload_content=False), range(missing)))
    try:
        yield kubeconfig
    finally:
        if missing > 0:
            api.delete_namespace(NAMESPACE)


def _count(kubeconfig: str) -> int:
    cluster = open_cluster(load_settings({"KUBECONFIG": kubeconfig, "HOME": "/nonexistent"}))
    page = cluster.get("/api/v1/pods", limit=1)
    return len(page["items"]) + int(page["metadata"].get("remainingItemCount") or 0)


def ours(kubeconfig: str) -> tuple[float, float, str]:
    """CPU and wall seconds of one triage, and what it found."""
    cluster = open_cluster(load_settings({"KUBECONFIG": kubeconfig, "HOME": "/nonexistent"}))
    cpu, wall = time.process_time(), time.monotonic()
    seen = triage(cluster, None, utc_now())
    unread = f", could not read: {'; '.join(seen.could_not_read)}" if seen.could_not_read else ""
    return time.process_time() - cpu, time.monotonic() - wall, f"{len(seen.findings)} findings{unread}"


def by_kubectl(kubeconfig: str) -> tuple[float, float]:
    """CPU and wall seconds of kubectl."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = ["kubectl", "--kubeconfig", kubeconfig, "get", "pods", "-A", "-o", "json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - wall


def by_client(kubeconfig: str) -> tuple[float, float]:
    """CPU and wall seconds of the Python client's typed list."""
    from kubernetes import client, config

    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    cpu, wall = time.process_time(), time.monotonic()
    api.list_pod_for_all_namespaces()
    return time.process_time() - cpu, time.monotonic() - wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=5)
    wanted = parser.parse_args()
    given = os.environ.get("KUBECONFIG")
    reference: Callable[[str], tuple[float, float]] = by_kubectl if shutil.which("kubectl") else by_client
    name = "kubectl get pods -A -o json" if reference is by_kubectl else "CoreV1Api.list_pod_for_all_namespaces"
    with filled(given, wanted.pods) if given else replayed(wanted.pods) as kubeconfig:
        where = "the cluster in KUBECONFIG" if given else "a made-up cluster on loopback"
        print(f"{_count(kubeconfig):,} pods on {where}; reference: {name}")
        mine = [ours(kubeconfig) for _ in range(wanted.runs)]
        theirs = [reference(kubeconfig) for _ in range(wanted.runs)]
    print(f"triage: {mine[-1][2]}")
    for label, index in (("CPU", 0), ("wall", 1)):
        us, them = median(run[index] for run in mine), median(run[index] for run in theirs)
        print(f"{label:4}: triage {us:.2f} s, reference {them:.2f} s, ratio {us / them:.2f} (median of {wanted.runs})")


if __name__ == "__main__":
    main()
