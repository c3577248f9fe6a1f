"""Helm, through its own program: an argument list, never a shell, with a time limit and a bare environment.

What Helm prints may hold rendered Secrets, so none of it reaches a log, a message or an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from core.errors import Absent, Forbidden, Refused, ToolError, Unclear
from core.settings import Settings
from workers.adapters.kubeconfig import IN_CLUSTER, write_context
from workers.ports import Release

READ_S = 20.0
ROLLBACK_S = 150.0  # Helm waits for its hooks; after --timeout it gives up by itself
_TIMEOUT = "120s"
_KEPT = 256  # revisions that are read; Helm itself keeps ten
_PASSED = ("PATH", "HOME", "KUBECONFIG", "HELM_DRIVER", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME",
           "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "HTTPS_PROXY", "NO_PROXY", "TMPDIR")  # fmt: skip


def open_helm(settings: Settings, name: str | None = None) -> Helm | None:
    """Helm for a cluster of the catalogue, with the operator's context; None where it is not installed.

    Raises: ConfigError when no write context is named.
    """
    context, program = write_context(settings, name), shutil.which("helm")
    if program is None:
        return None
    to_cluster = [] if context == IN_CLUSTER else ["--kube-context", context]
    return Helm(program, to_cluster, {"KUBECONFIG": settings.kubeconfig} if settings.kubeconfig else {})


class Helm:
    """Implements workers.ports.Releases."""

    def __init__(self, program: str, to_cluster: list[str], environment: dict[str, str]) -> None:
        self._program = program
        self._to_cluster = to_cluster
        self._environment = {key: os.environ[key] for key in _PASSED if key in os.environ} | environment

    def history(self, namespace: str, name: str) -> tuple[Release, ...]:
        """Implements workers.ports.Releases."""
        import orjson

        what = f"release {namespace}/{name}"
        try:
            ended = self._run(
                ["history", name, "--namespace", namespace, "--max", str(_KEPT), "--output", "json"], READ_S
            )
            rows = orjson.loads(ended.stdout) if ended.returncode == 0 else None
        except subprocess.TimeoutExpired as error:
            raise ToolError(what, f"helm took longer than {READ_S:.0f} s") from error
        except orjson.JSONDecodeError as error:
            raise ToolError(what, "helm printed something else than its history") from error
        if rows is None:
            raise _refusal(what, ended)
        try:
            return tuple(sorted((_release(row) for row in rows), key=lambda release: release.revision))
        except (KeyError, TypeError, ValueError) as error:
            raise ToolError(what, "helm printed something else than its history") from error

    def rollback(self, namespace: str, name: str, revision: int, *, dry_run: bool = False) -> None:
        """Implements workers.ports.Releases."""
        command = ["rollback", name, str(revision), "--namespace", namespace, "--timeout", _TIMEOUT]
        try:
            ended = self._run([*command, *(["--dry-run"] if dry_run else [])], ROLLBACK_S)
        except subprocess.TimeoutExpired as error:
            if dry_run:
                raise Refused("Helm did not end its dry run in time", "Timeout") from error
            raise Unclear(f"Helm did not end the rollback of {name} in time; look at its history.") from error
        if ended.returncode != 0:
            if dry_run:
                raise Refused(f"Helm refuses to roll {name} back to revision {revision}", f"Exit{ended.returncode}")
            raise Unclear(f"Helm gave up the rollback of {name}, perhaps half way; look at its history.")

    def _run(self, command: list[str], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
        """Raises: TimeoutExpired, after the program was killed; ToolError when it does not start."""
        try:
            return subprocess.run(
                [self._program, *command, *self._to_cluster],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False, env=self._environment,
            )  # fmt: skip
        except OSError as error:
            raise ToolError("helm", "the program does not start; install it again") from error


def _release(row: dict[str, Any]) -> Release:
    return Release(
        revision=int(row["revision"]), status=str(row["status"]), chart=str(row["chart"]),
        app_version=str(row.get("app_version") or ""), description=str(row.get("description") or ""),
    )  # fmt: skip


def _refusal(what: str, ended: subprocess.CompletedProcess[bytes]) -> ToolError:
    said = ended.stderr.decode("utf-8", "replace").lower()
    if "forbidden" in said:
        return Forbidden(what, "this account may not read Helm's records, which are Secrets unless HELM_DRIVER says so")
    if "not found" in said:
        return Absent(what, "Helm knows no such release")
    return ToolError(what, f"helm failed ({ended.returncode})")
