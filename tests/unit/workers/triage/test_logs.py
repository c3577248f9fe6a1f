from __future__ import annotations

import pytest

from core.diagnosis import Subject
from core.observation import Observation
from core.settings import Config
from tests.unit.workers.triage.scene import NOW, Scene, deployment, ended, job, looping, pod_of, running, seen, waiting
from workers.loop.observe import observe
from workers.triage.logs import LINES, around_error

WEB = deployment(ready=1)
TRACE = """request 1 served
request 2 served
request 3 served
request 4 served
Traceback (most recent call last):
  File "/app/main.py", line 9, in <module>
    run()
  File "/app/main.py", line 5, in run
    return 1 / 0
ZeroDivisionError: division by zero"""


def with_logs(*objects: dict[str, object], **logs: str) -> Observation:
    return seen(
        *objects, logs=True, texts={name.replace("__", "/").replace("_", "-"): text for name, text in logs.items()}
    )


def test_the_run_before_the_restart_is_read_and_masked() -> None:
    log = "boot\nconnect postgres://me:hunter2secret@db\nFATAL: no route to db"

    observation = with_logs(WEB, pod_of(WEB, looping()), web_7d7d7_x1__app__previous=log)

    [excerpt] = observation.logs
    assert (excerpt.pod, excerpt.container, excerpt.owner, excerpt.previous) == (
        "web-7d7d7-x1",
        "app",
        "Deployment/web",
        True,
    )
    assert excerpt.lines[-1] == "FATAL: no route to db"
    assert "hunter2secret" not in observation.model_dump_json()
    shown = {e.id: e for e in observation.evidence}[excerpt.evidence[0]]
    assert shown.query.endswith("/pods/web-7d7d7-x1/log?container=app&tailLines=300&previous=true")


def test_the_present_run_is_read_when_the_one_before_is_gone() -> None:
    observation = with_logs(WEB, pod_of(WEB, looping()), web_7d7d7_x1__app="FATAL: no route to db")

    assert [(log.previous, log.lines) for log in observation.logs] == [(False, ("FATAL: no route to db",))]
    assert observation.could_not_read == ()


def test_a_log_that_cannot_be_read_is_named() -> None:
    observation = with_logs(WEB, pod_of(WEB, looping()))

    assert observation.could_not_read == ("logs of shop/web-7d7d7-x1 container app (there is none)",)


def test_a_container_that_never_ran_has_no_log_to_read() -> None:
    observation = with_logs(WEB, pod_of(WEB, waiting("ImagePullBackOff", "Back-off")))

    assert (observation.logs, observation.could_not_read) == ((), ())


def test_one_pod_of_an_owner_is_enough() -> None:
    pods = [pod_of(WEB, looping(), name=f"web-7d7d7-x{n}") for n in range(3)]

    observation = with_logs(WEB, *pods, web_7d7d7_x0__app__previous="FATAL", web_7d7d7_x1__app__previous="FATAL")

    assert [log.pod for log in observation.logs] == ["web-7d7d7-x0"]


def test_the_last_pod_of_a_failed_job_is_read() -> None:
    failing = job("import", failed=True)
    pod = pod_of(failing, running(ready=False, phase="Failed", state=ended(1)), name="import-x7k2p")

    observation = with_logs(failing, pod, import_x7k2p__app="java.net.ConnectException: prod-db:3333")

    assert [log.owner for log in observation.logs] == ["Job/import"]


@pytest.mark.parametrize(
    ("text", "lines"), [("all good\nserved 5", ()), ("all good\nERROR no dns", ("all good", "ERROR no dns"))]
)
def test_a_healthy_pod_that_was_asked_about_is_read_for_complaints(text: str, lines: tuple[str, ...]) -> None:
    scene = Scene(WEB, pod_of(WEB, running()), texts={"web-7d7d7-x1/app": text})

    observation = observe(Subject(text="", target="Deployment/web"), scene, None, None, NOW, Config())

    assert tuple(line for log in observation.logs for line in log.lines) == lines


def test_a_stack_trace_is_kept_whole_with_a_little_before_it() -> None:
    assert around_error(TRACE.splitlines()) == TRACE.splitlines()[1:]


def test_the_last_error_is_kept_when_there_are_many() -> None:
    lines = [f"line {n}" if n % 50 else f"ERROR number {n}" for n in range(1, 301)]

    kept = around_error(lines)

    assert len(kept) <= LINES
    assert "ERROR number 300" in kept
    assert kept == sorted(kept, key=lines.index)


def test_what_is_repeated_is_said_once() -> None:
    assert around_error(["ERROR refused", "retrying"] * 40) == ["ERROR refused", "retrying"]


def test_without_an_error_the_last_lines_are_kept() -> None:
    assert around_error([f"line {n}" for n in range(30)]) == [f"line {n}" for n in range(20, 30)]
    assert around_error(["line"], errors_only=True) == []
