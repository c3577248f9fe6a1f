"""The Kubernetes API, written to: each write is sent once, and only what the action catalogue writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.errors import Conflict, Refused, SreError, Transient, Unclear
from core.settings import Settings
from workers.adapters.kube_connection import Answer, Connection, Lost, seconds
from workers.adapters.kubeconfig import load, write_context
from workers.adapters.kubepaths import Target, check_write

if TYPE_CHECKING:
    from kubernetes.client import Configuration

WRITE_S = 15.0  # admission webhooks may take 10 s each by default
_LATER_S = 5.0  # what kubectl waits before it tries an eviction again


def open_writer(settings: Settings, name: str | None = None) -> KubernetesWriter:
    """The cluster of that catalogue name, or the default one. Connects to nothing yet.

    Raises: ConfigError, also when no write context is named.
    """
    return KubernetesWriter(*load(settings.kubeconfig, write_context(settings, name)))


class KubernetesWriter:
    """Implements workers.ports.Writer. Safe to use from many threads."""

    def __init__(self, name: str, configuration: Configuration) -> None:
        self._connection = Connection(name, configuration)

    def patch(self, path: str, body: object, *, json_patch: bool = False, dry_run: bool = False) -> dict[str, Any]:
        """Implements workers.ports.Writer."""
        kind = "json-patch" if json_patch else "merge-patch"
        target = check_write("patch", path)
        return self._send("PATCH", path, body, target, dry_run, {"Content-Type": f"application/{kind}+json"})

    def create(self, path: str, body: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Implements workers.ports.Writer."""
        return self._send("POST", path, body, check_write("create", path), dry_run)

    def delete(self, path: str, *, uid: str, dry_run: bool = False) -> dict[str, Any]:
        """Implements workers.ports.Writer."""
        body = {
            "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid},
            "propagationPolicy": "Background",  # without it, batch/v1 leaves a job's pods behind
            # Where there is a body, the API server reads no query: `?dryRun=All` alone would delete.
            **({"dryRun": ["All"]} if dry_run else {}),
        }  # fmt: skip
        return self._send("DELETE", path, body, check_write("delete", path), dry_run)

    def _send(
        self, method: str, path: str, body: object, target: Target, dry_run: bool, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        import orjson

        query = {"dryRun": "All"} if dry_run else {}
        try:
            # A kept connection that breaks as it is used would leave it open whether the write arrived.
            answer = self._connection.send(method, path, query, WRITE_S, body=body, headers=headers, fresh=True)
            if 200 <= answer.status < 300:
                return dict(orjson.loads(answer.body))
        except Lost as error:
            if not error.sent:
                raise self._connection.tls_failed() from error
            raise self._unknown(target, dry_run) from error
        except (ValueError, TypeError) as error:  # a success in something else than JSON
            raise self._unknown(target, dry_run) from error
        raise self._refusal(answer, target, dry_run)

    def _unknown(self, target: Target, dry_run: bool) -> SreError:
        if dry_run:
            return Transient(f"{self._connection} did not answer a dry run; look again in a moment.")
        return Unclear(f"{self._connection} took the write to {target} and its answer was lost; look at {target}.")

    def _refusal(self, answer: Answer, target: Target, dry_run: bool) -> SreError:
        """The error that a status stands for; the server's own words but its reason are foreign and stay out."""
        status = answer.status
        if status == 409:
            return Conflict(f"Somebody else changed {target} at the same time.")
        if status == 429 or (status == 503 and "Retry-After" in answer.headers):
            later = seconds(answer.headers.get("Retry-After"), _LATER_S)
            return Transient(f"{self._connection} puts off the write to {target} ({status}); try again later.", later)
        if status >= 500:
            return self._unknown(target, dry_run)
        return Refused(f"{self._connection} refuses the write to {target} ({status})", _reason(answer.body, status))


def _reason(body: bytes, status: int) -> str:
    """Kubernetes' reason, one word; the status where there is none."""
    import orjson

    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return str(status)
    reason = said.get("reason") if isinstance(said, dict) else None
    return reason if isinstance(reason, str) and reason.isalpha() and len(reason) <= 40 else str(status)
