"""What is wrong with one container, from its status alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.observation import Condition
from workers.triage.objects import Obj, moment, plural, sentence, since_s

# What the kubelet says of a waiting container, in the words of our closed list. The last words it uses for a process
# that could not even start are counted as crashes, since it tries again and backs off just the same.
WAITING: dict[str, Condition] = {
    "ImagePullBackOff": "ImagePullBackOff",
    "ErrImagePull": "ImagePullBackOff",
    "InvalidImageName": "ImagePullBackOff",
    "ErrImageNeverPull": "ImagePullBackOff",
    "ImageInspectError": "ImagePullBackOff",
    "RegistryUnavailable": "ImagePullBackOff",
    "SignatureValidationFailed": "ImagePullBackOff",
    "CreateContainerConfigError": "CreateContainerConfigError",
    "CreateContainerError": "CreateContainerConfigError",
    "CrashLoopBackOff": "CrashLoopBackOff",
    "RunContainerError": "CrashLoopBackOff",
    "ContainerCannotRun": "CrashLoopBackOff",
    "StartError": "CrashLoopBackOff",
    "PostStartHookError": "CrashLoopBackOff",
    "PreStartHookError": "CrashLoopBackOff",
}
LOOP_RESTARTS = 3  # restarts after which quick deaths are a loop, even while the container happens to run
LOOP_WITHIN_S = 600  # twice the kubelet's longest back-off
OOM_RECENT_S = 1800  # guessed: a lone OOM kill longer ago no longer explains what is felt now
_MEANS = {
    126: "the command cannot be executed", 127: "the command was not found", 128: "the command cannot be executed",
    134: "aborted", 137: "killed", 139: "a segmentation fault", 143: "told to stop",
}  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """One condition of one container."""

    condition: Condition
    container: str
    message: str


def troubles(status: Obj, spec: Obj, now: datetime, restarts_always: bool) -> Iterator[Trouble]:
    """What is wrong with the container, the cause first; nothing when it is well or only starting.

    Args:
        status: Its entry in the pod's status.
        spec: Its specification; empty when unknown.
        restarts_always: False when the pod's restartPolicy is Never.
    """
    name = str(status.get("name"))
    state, ended = status.get("state") or {}, _ended(status)
    waiting = state.get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    held = WAITING.get(reason)
    if held in ("ImagePullBackOff", "CreateContainerConfigError"):
        image = spec.get("image") or status.get("image")
        said = str(waiting.get("message") or "")
        about = f'image "{image}"' if held == "ImagePullBackOff" and str(image) not in said else ""
        yield Trouble(held, name, sentence(f"container {name}: {said or reason}", about))
        return
    loops = held == "CrashLoopBackOff" or _loops(status, now, restarts_always)
    if ended.get("reason") == "OOMKilled" and (loops or since_s(moment(ended.get("finishedAt")), now) <= OOM_RECENT_S):
        yield Trouble("OOMKilled", name, sentence(_oom(name, spec), _restarts(status)))
    if loops:
        said = "" if reason == "CrashLoopBackOff" else str(waiting.get("message") or reason)
        yield Trouble(
            "CrashLoopBackOff", name, sentence(_exit(name, ended), said, _restarts(status), _last_words(ended))
        )


def death(status: Obj, spec: Obj) -> Trouble | None:
    """How a container that is not restarted died; None when it ended well or still runs."""
    ended = (status.get("state") or {}).get("terminated") or {}
    name = str(status.get("name"))
    if not ended.get("exitCode"):
        return None
    if ended.get("reason") == "OOMKilled":
        return Trouble("OOMKilled", name, _oom(name, spec))
    return Trouble("CrashLoopBackOff", name, sentence(_exit(name, ended), _last_words(ended)))


def _ended(status: Obj) -> Obj:
    """How it ended last: now if it is not running, else the run before; empty when it never ended."""
    now = (status.get("state") or {}).get("terminated") or {}
    before = (status.get("lastState") or {}).get("terminated") or {}
    return now if now.get("exitCode") else before


def _loops(status: Obj, now: datetime, restarts_always: bool) -> bool:
    """Whether it keeps dying although it is not waiting just now."""
    state = status.get("state") or {}
    before = (status.get("lastState") or {}).get("terminated") or {}
    restarts = status.get("restartCount") or 0
    if (state.get("terminated") or {}).get("exitCode"):
        return restarts_always and restarts >= 1
    ran_s = since_s(moment(before.get("startedAt")), moment(before.get("finishedAt")) or now)
    return bool(
        "running" in state and before and restarts >= LOOP_RESTARTS and ran_s <= LOOP_WITHIN_S
        and since_s(moment(before.get("finishedAt")), now) <= LOOP_WITHIN_S
    )  # fmt: skip


def _oom(name: str, spec: Obj) -> str:
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
    at = f"at its memory limit of {limit}" if limit else "although it has no memory limit: its node ran out of memory"
    return f"container {name} was OOM-killed {at}"


def _exit(name: str, ended: Obj) -> str:
    code = ended.get("exitCode")
    if code is None:
        return f"container {name} does not start"
    if code == 0:
        return f"container {name} keeps ending with exit code 0, though it should keep running"
    means = _MEANS.get(int(code), "")
    reason = str(ended.get("reason") or "")
    return f"container {name} exited with {code}" + (f" ({means or reason})" if means or reason else "")


def _last_words(ended: Obj) -> str:
    return str(ended.get("message") or "")[-300:]


def _restarts(status: Obj) -> str:
    count = int(status.get("restartCount") or 0)
    return f"restarted {plural(count, 'time')}" if count else ""
