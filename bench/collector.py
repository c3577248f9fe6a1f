"""The change collector on a big, busy cluster: `python -m bench.collector [SECONDS]`.

A made-up API server in a process of its own holds 500 Deployments of 5,000 pods, 100 nodes, 1,000 ConfigMaps and 200
jobs, and sends 25 changes a second: statuses of rollouts, heartbeats of nodes, ConfigMaps, replicas. Printed is what
the collector's process takes of one core, and its memory; and the same for reading and comparing every list each 2 s,
which is what does without a watch and tells nearly as soon.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bench.made_up import made_up

PODS, CONFIGS, JOBS, RATE = 5000, 1000, 200, 25.0
RELIST_S = 2.0
Obj = dict[str, Any]


def objects() -> dict[str, list[Obj]]:
    """What the server holds, by path."""
    made = made_up(PODS)
    held = {path: made[path] for path in (
        "/api/v1/pods", "/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets", "/apis/apps/v1/daemonsets",
        "/api/v1/nodes", "/apis/batch/v1/jobs",
    )}  # fmt: skip
    held["/apis/apps/v1/controllerrevisions"] = []
    held["/api/v1/configmaps"] = [
        {"metadata": {"name": f"settings-{n}", "namespace": f"team-{n % 40}", "uid": f"c{n}"},
         "data": {f"key-{k}": "x" * 200 for k in range(5)}}
        for n in range(CONFIGS)
    ]  # fmt: skip
    held["/apis/batch/v1/jobs"] = [
        {"metadata": {"name": f"job-{n}", "namespace": f"team-{n % 40}", "uid": f"j{n}"},
         "spec": {}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}
        for n in range(JOBS)
    ]  # fmt: skip
    for each in (obj for found in held.values() for obj in found):
        each["metadata"] |= {"resourceVersion": "1"}
    return held


def serve(pipe: Any) -> None:
    """The API server: lists, and watches that change steadily."""
    import asyncio

    import orjson
    from aiohttp import web

    held, watchers, version = objects(), {}, 1  # type: ignore[var-annotated]
    dice = random.Random(1)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query.get("watch"):
            news: asyncio.Queue[bytes] = asyncio.Queue()
            watchers.setdefault(request.path, set()).add(news)
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(await news.get())
            except ConnectionResetError:  # the reader has ended
                return response
            finally:
                watchers[request.path].discard(news)
        found = held.get(request.path, [])
        start, limit = int(request.query.get("continue") or 0), int(request.query.get("limit") or 10**9)
        more = {"continue": str(start + limit)} if start + limit < len(found) else {}
        body = {"metadata": {"resourceVersion": str(version), **more}, "items": found[start : start + limit]}
        return web.Response(body=orjson.dumps(body), content_type="application/json")

    def change() -> tuple[str, Obj]:
        """Mostly statuses; one in 100 a new number of replicas, one in 200 another value of a key."""
        if dice.random() < 0.2:
            node = copy.deepcopy(dice.choice(held["/api/v1/nodes"]))
            return "/api/v1/nodes", node
        if dice.random() < 0.005:
            config = copy.deepcopy(dice.choice(held["/api/v1/configmaps"]))
            config["data"]["key-0"] = f"{dice.random()}"
            return "/api/v1/configmaps", config
        workload = copy.deepcopy(dice.choice(held["/apis/apps/v1/deployments"]))
        workload["status"]["observedGeneration"] = dice.randrange(10**6)
        if dice.random() < 0.01:
            workload["spec"]["replicas"] = dice.randrange(5, 15)
        return "/apis/apps/v1/deployments", workload

    async def run() -> None:
        nonlocal version
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(runner.addresses[0][1])
        while True:
            version += 1
            path, obj = change()
            obj["metadata"]["resourceVersion"] = str(version)
            line = orjson.dumps({"type": "MODIFIED", "object": obj}) + b"\n"
            for news in watchers.get(path, ()):
                news.put_nowait(line)
            await asyncio.sleep(1 / RATE)

    asyncio.run(run())


def measured(port: int, seconds: float, naive: bool, pipe: Any) -> None:
    """CPU seconds a second, and the process's largest memory in MiB, once it has begun."""
    from kubernetes.client import Configuration

    from core.records import open_records
    from core.redis import release
    from core.settings import Settings
    from workers.adapters.kubernetes import KubernetesCluster
    from workers.changes.collector import Collector
    from workers.changes.comparing import Comparison
    from workers.changes.kinds import PATHS
    from workers.changes.stream import Page

    cluster = KubernetesCluster("bench", Configuration(host=f"http://127.0.0.1:{port}"))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        records = open_records(settings)
        stop = threading.Event()

        def relist() -> None:
            rows: dict[str, str] = {}
            compare = Comparison("", settings.config, cluster, rows, "salt", set(), records.changes.note, records.now)
            while not stop.wait(RELIST_S):
                for kind, path in PATHS.items():
                    compare.take_page(Page(kind, list(cluster.items(path)), True, True, "1"))

        thread = threading.Thread(target=relist) if naive else Collector(records, "", lambda: cluster, stop)
        thread.start()
        time.sleep(10)
        began = time.process_time()
        time.sleep(seconds)
        used = (time.process_time() - began) / seconds
        told = len(records.changes.between(records.now().replace(year=2000), records.now().replace(year=2100)))
        stop.set()
        thread.join(30)
        release(settings, records.redis)
    pipe.send((used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, told))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 90.0
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    server = context.Process(target=serve, args=(far,), daemon=True)
    server.start()
    port = near.recv()
    found = {}
    for name, naive in (("collector", False), ("relisting", True)):
        here, there = context.Pipe()
        child = context.Process(target=measured, args=(port, seconds, naive, there))
        child.start()
        found[name] = here.recv()
        child.join()
    server.terminate()
    (cpu, memory, told), (naive_cpu, naive_memory, _) = found["collector"], found["relisting"]
    print(f"{PODS} pods, {PODS // 10} deployments, {RATE:g} changes a second, {seconds:g} s, {os.cpu_count()} cores")
    print(f"collector: {cpu:.2%} of one core, {memory:.0f} MiB, {told} changes told")
    print(f"every list each {RELIST_S:g} s: {naive_cpu:.2%} of one core, {naive_memory:.0f} MiB")
    print(f"every list each 30 s, by proportion: {naive_cpu * RELIST_S / 30:.2%}")
    print(f"ratio: {cpu / naive_cpu:.2f} of the CPU, {memory / naive_memory:.2f} of the memory")


if __name__ == "__main__":
    main()
