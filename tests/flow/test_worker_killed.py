"""An investigator is killed at the worst moment: its job is found, run again, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import yaml
from rq import Queue
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from core.diagnosis import Investigation, Subject
from core.queues import INVESTIGATE
from core.records import Records
from sandbox.ports import free_port
from tests.conftest import NOON


def _kubeconfig(path: Path, port: int) -> str:
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )  # fmt: skip
    return str(path)


def _worker(records: Records, kubeconfig: str, *options: str) -> subprocess.Popen[bytes]:
    env = {
        "PATH": os.environ["PATH"], "HOME": str(records.settings.data_dir), "KUBECONFIG": kubeconfig,
        "SRE_DATA_DIR": str(records.settings.data_dir),
    }  # fmt: skip
    command = [sys.executable, "-m", "bot.cli", "worker", "investigate", *options]
    return subprocess.Popen(command, env=env, start_new_session=True, stderr=subprocess.DEVNULL)


def _started(records: Records) -> StartedJobRegistry:
    return StartedJobRegistry("investigate", connection=records.redis, serializer=JSONSerializer)


def _ask(records: Records) -> str:
    inv = Investigation(id="INV-1", subject=Subject(text="checkout 5xx", namespace="shop"), started_at=NOON)
    records.investigations.save(inv)
    records.queues.enqueue("investigate", INVESTIGATE, inv.id)
    return inv.id


def test_a_killed_workers_job_is_run_again_to_its_end(records: Records, tmp_path: Path) -> None:
    investigation_id = _ask(records)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        worker = _worker(records, _kubeconfig(tmp_path / "hangs", silent.getsockname()[1]))
        silent.settimeout(60)
        connection, _ = silent.accept()  # the job is in the middle of observing
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        connection.close()
    (job_id,) = _started(records).get_job_ids(cleanup=False)
    assert records.investigations.get(investigation_id).observation is None

    # A heartbeat is at most 65 s old when maintenance gives the job up; here maintenance comes from the future.
    _started(records).cleanup(timestamp=time.time() + 70)
    job = Job.fetch(job_id, connection=records.redis, serializer=JSONSerializer)
    assert job.get_status(refresh=True) in ("queued", "scheduled")
    held = Queue("investigate", connection=records.redis, serializer=JSONSerializer)
    if job.id not in held.job_ids:
        held.enqueue_job(job)  # its back-off of a second is over

    again = _worker(records, _kubeconfig(tmp_path / "refuses", free_port()), "--once")
    assert again.wait(120) == 0
    done = records.investigations.get(investigation_id)
    assert done.reported
    assert done.diagnosis is not None
    assert done.diagnosis.status == "escalated"
    assert "the cluster" in done.could_not_read[0]
    events = [entry.event for entry in records.ledger.entries()]
    assert events.count("loop.observe") == 1
    assert records.ledger.verify() is None


def test_stages_that_had_ended_are_not_run_again(records: Records, tmp_path: Path) -> None:
    investigation_id = _ask(records)
    kubeconfig = _kubeconfig(tmp_path / "refuses", free_port())
    assert _worker(records, kubeconfig, "--once").wait(120) == 0
    first = records.investigations.get(investigation_id)
    records.queues.enqueue("investigate", INVESTIGATE, investigation_id)
    assert _worker(records, kubeconfig, "--once").wait(120) == 0
    again = records.investigations.get(investigation_id)
    assert (again.took_ms, again.diagnosis) == (first.took_ms, first.diagnosis)
    events = [entry.event for entry in records.ledger.entries()]
    assert events.count("loop.observe") == 1
