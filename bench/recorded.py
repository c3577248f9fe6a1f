"""Observations out of recorded `kubectl describe` and `kubectl logs` output, in the words that triage uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from core.diagnosis import Case
from core.observation import Condition
from tests.unit.workers.reasoners.scenes import Scene
from workers.reasoners.scope import without_suffix

_WAITING: dict[str, Condition] = {
    "CrashLoopBackOff": "CrashLoopBackOff", "RunContainerError": "CrashLoopBackOff",
    "ImagePullBackOff": "ImagePullBackOff", "ErrImagePull": "ImagePullBackOff", "InvalidImageName": "ImagePullBackOff",
    "CreateContainerConfigError": "CreateContainerConfigError",
}  # fmt: skip
_WARNED: dict[str, Condition] = {
    "FailedScheduling": "Unschedulable", "FailedMount": "FailedMount", "Unhealthy": "Unhealthy",
    "FailedCreatePodSandBox": "FailedCreatePodSandBox", "ProvisioningFailed": "PVCPending",
}  # fmt: skip
_EVENT = re.compile(r"^\s+(Warning|Normal)\s+(\w+)\s+(.+?)\s{2,}(\S+)\s+(.+)$")


def recorded_case(row: dict[str, Any]) -> Case:
    """The case of one recording: every object that was described and every log that was read."""
    alert = json.dumps(row.get("alert") or "")
    text = row.get("user_prompt") or alert
    scene = Scene("default")
    seen: set[str] = set()
    for tool in row["tool_outputs"]:
        output = (tool.get("output") or "").split("\nstderr:")[0]
        if tool["tool"] == "kubectl_describe" and output not in seen:
            _described(scene, output)
        elif "log" in tool["tool"] and "not found" not in output and output not in seen:
            lines = [line for line in output.splitlines() if line and line != "stdout:"][-40:]
            name = str(tool["params"].get("pod_name", "")).strip("*")
            if lines and name:
                scene.log(f"Deployment/{without_suffix(name)}", *lines)
        seen.add(output)
    _join_logs(scene)
    return scene.case(text, namespace=None)


def _described(scene: Scene, text: str) -> None:
    name = re.search(r"^Name:\s+(\S+)", text, re.MULTILINE)
    events = [found.groups() for line in text.splitlines() if (found := _EVENT.match(line))]
    warned = [(reason, message) for kind, reason, _, _, message in events if kind == "Warning"]
    if not name:
        return
    if "\nContainers:" in text and "\nNode:" in text:
        _pod(scene, name[1], text, warned)
    elif "StorageClass:" in text:
        for reason, message in warned[:1]:
            scene.finding(_WARNED.get(reason, "PVCPending"), f"PersistentVolumeClaim/{name[1]}", message)


def _pod(scene: Scene, name: str, text: str, warned: list[tuple[str, str]]) -> None:
    above = re.search(r"^Controlled By:\s+(\w+)/(\S+)", text, re.MULTILINE)
    owner = f"Pod/{name}"
    if above:
        owner = f"Deployment/{without_suffix(name)}" if above[1] == "ReplicaSet" else f"{above[1]}/{above[2]}"
    found = list(_states(text, warned))
    for condition, container, message in found:
        scene.finding(condition, owner, message, pods=1, container=container)
    if not found:
        for reason, message in warned:
            if reason in _WARNED:
                scene.finding(_WARNED[reason], owner, message, pods=1)
                break
    ready = "True" if re.search(r"^\s+Ready\s+True", text, re.MULTILINE) else ""
    scene.workload(owner, 1, 1 if ready and not scene.findings else 0)


def _states(text: str, warned: list[tuple[str, str]]) -> Iterator[tuple[Condition, str, str]]:
    said = "; ".join(
        dict.fromkeys(message for reason, message in warned if reason in ("Failed", "Unhealthy", "BackOff"))
    )
    for block in re.split(r"\n(?=  [\w-]+:\n)", text):
        container = re.match(r"  ([\w-]+):\n", block)
        state = re.search(r"\n    State:\s+(\w+)(?:\n      Reason:\s+(\w+))?", block)
        last = re.search(
            r"\n    Last State:\s+Terminated\n      Reason:\s+(\w+)(?:\n      Message:\s+(.+))?"
            r"\n      Exit Code:\s+(\d+)",
            block,
        )
        if not container or not state or not state[2]:
            continue
        limit = re.search(r"Limits:\n(?:\s+cpu:.*\n)?\s+memory:\s+(\S+)", block)
        ended = f"container {container[1]} exited with {last[3]} ({last[1]}); {last[2] or ''}" if last else ""
        if last and last[1] == "OOMKilled":
            at = f"at its memory limit of {limit[1]}" if limit else "although it has no memory limit"
            yield "OOMKilled", container[1], f"container {container[1]} was OOM-killed {at}"
        if state[2] in _WAITING:
            yield _WAITING[state[2]], container[1], f"{ended or 'container ' + container[1]}; {said}"
        elif state[1] == "Terminated" and state[2] == "Error":
            yield "CrashLoopBackOff", container[1], f"container {container[1]} exited with an error"


def _join_logs(scene: Scene) -> None:
    """Logs belong to the owner that triage found, whatever its kind."""
    owners = {finding.owner.partition("/")[2]: finding.owner for finding in scene.findings}
    owners |= {workload.owner.partition("/")[2]: workload.owner for workload in scene.workloads}
    scene.logs[:] = [
        log.model_copy(update={"owner": owners.get(log.owner.partition("/")[2], log.owner)}) for log in scene.logs
    ]
