"""The Kubernetes API, read only: raw JSON, in pages, from many threads at once."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from core.errors import Absent, Busy, Expired, Forbidden, SreError, ToolError, Unreachable
from core.settings import Settings
from workers.adapters.kube_connection import Answer, Connection, Lost, Stream, seconds
from workers.adapters.kubeconfig import load, read_context, write_context
from workers.adapters.kubepaths import Target, check, check_watch

if TYPE_CHECKING:
    from kubernetes.client import Configuration

PAGE = 500  # what kubectl asks for at once
READ_S = 8.0  # an API server that takes longer for a page of 500 is itself part of the trouble
MAX_LOG_BYTES = 256 * 1024
WATCH_GRACE_S = 10.0  # beyond a watch's own end, for the server to end it
_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})
_RESTARTS = 3  # of a list whose continue token expired
_MAX_WAIT_S = 1.0  # the longest Retry-After that is waited for, once
_ACCOUNT = re.compile(r'User "([\w@.:/-]{1,200})" cannot')


def open_cluster(settings: Settings, name: str | None = None) -> KubernetesCluster:
    """The cluster of that catalogue name, or the default one. Connects to nothing yet.

    Raises: ConfigError with one sentence that names the file, context or catalogue entry.
    """
    return KubernetesCluster(*load(settings.kubeconfig, read_context(settings, name)))


def open_as_operator(settings: Settings, name: str | None = None) -> KubernetesCluster:
    """The same cluster, read with the operator's own credentials.

    Raises: ConfigError, also when no write context is named.
    """
    return KubernetesCluster(*load(settings.kubeconfig, write_context(settings, name)))


class _Expired(Exception):
    """410 Gone: the list's continue token is too old."""


class KubernetesWatch:
    """Implements workers.ports.Watch."""

    def __init__(
        self, cluster: KubernetesCluster, path: str, since: str, timeout_s: int, begun: Callable[[], object]
    ) -> None:
        self._cluster, self._path, self._since, self._timeout_s = cluster, path, since, timeout_s
        self._begun = begun
        self._stream: Stream | None = None
        self._closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if not self._closed:
            yield from self._cluster.follow(self._path, self._since, self._timeout_s, self._hold, self._begun)

    def close(self) -> None:
        self._closed = True
        if self._stream:
            self._stream.close()

    def _hold(self, stream: Stream) -> None:
        self._stream = stream
        if self._closed:  # closed while it connected
            stream.close()


class KubernetesCluster:
    """Implements workers.ports.Cluster over the kubernetes client's connections. Safe to use from many threads."""

    def __init__(self, name: str, configuration: Configuration) -> None:
        self._connection = Connection(name, configuration)
        self.name = name
        self.server = self._connection.server
        self._served: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Implements workers.ports.Cluster."""
        target = check(path, query)
        return self._object(target, self._read(path, query, target))

    def items(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """Implements workers.ports.Cluster. An object that is created meanwhile may be missed; none comes twice."""
        target = check(path, query)
        seen: set[str] = set()
        token = ""
        restarts = 0
        while True:
            asked = {"limit": PAGE, **query, **({"continue": token} if token else {})}
            try:
                page = self._object(target, self._read(path, asked, target))
            except _Expired as error:
                token, restarts = "", restarts + 1
                if restarts > _RESTARTS:
                    raise ToolError(str(target), "the list kept expiring while it was read (410)") from error
                continue
            for item in page.get("items") or ():
                uid = item["metadata"].get("uid") or f"{item['metadata'].get('namespace')}/{item['metadata']['name']}"
                if uid not in seen:
                    seen.add(uid)
                    yield item
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return

    def serves(self, group_version: str, resource: str) -> bool:
        """Implements workers.ports.Cluster."""
        known = self._served.get(group_version)
        if known is None:
            known = self._discover(group_version)
            with self._lock:
                self._served[group_version] = known
        return resource in known

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """Implements workers.ports.Cluster."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query: dict[str, str | int] = {"container": container, "tailLines": lines, "limitBytes": MAX_LOG_BYTES}
        if previous:
            query["previous"] = "true"
        target = check(path, query)
        return self._read(path, query, target).decode("utf-8", "replace")

    def watch(self, path: str, *, since: str, timeout_s: int, begun: Callable[[], object]) -> KubernetesWatch:
        """Implements workers.ports.Watched. Connects with the first step of the iteration."""
        return KubernetesWatch(self, path, since, timeout_s, begun)

    def follow(
        self, path: str, since: str, timeout_s: int, hold: Callable[[Stream], None], begun: Callable[[], object]
    ) -> Iterator[dict[str, Any]]:
        """The events of a watch; `hold` is given what closes it."""
        target = check_watch(path)
        query: dict[str, str | int] = {
            "watch": "true", "resourceVersion": since, "timeoutSeconds": timeout_s, "allowWatchBookmarks": "true",
        }  # fmt: skip
        try:
            stream = self._connection.stream(path, query, timeout_s + WATCH_GRACE_S)
            hold(stream)
            if stream.status == 410:
                raise Expired(str(target), "the changes since then are no longer kept (410)")
            if stream.status != 200:
                raise self._refusal(Answer(stream.status, stream.headers, stream.body()), target)
            begun()
            for line in stream.lines():
                yield self._event(self._object(target, line), target)
        except Lost as error:
            raise self._unanswered(error, target) from error

    def _event(self, event: dict[str, Any], target: Target) -> dict[str, Any]:
        """The event, if it is one. Raises: ToolError, also when it says why the server ends the watch."""
        kind, changed = event.get("type"), event.get("object")
        if kind == "ERROR":
            raise self._ended(changed if isinstance(changed, dict) else {}, target)
        if not isinstance(changed, dict) or not isinstance(meta := changed.get("metadata"), dict):
            raise ToolError(str(target), "the API server sent something else than an event")
        if kind != "BOOKMARK" and (kind not in _CHANGES or not isinstance(meta.get("name"), str)):
            raise ToolError(str(target), "the API server sent something else than an event")
        if changed.get("kind") == "Secret":
            raise ToolError("secrets", "never read here")
        return event

    def _ended(self, status: dict[str, Any], target: Target) -> ToolError:
        """Why the server ends a watch whose answer had begun."""
        code = status.get("code") or 500
        if code == 410:
            return Expired(str(target), "the changes since then are no longer kept (410)")
        if code == 429:
            return Busy(str(target), "the API server is too busy (429)")
        why = f" ({code})" if isinstance(code, int) else ""
        return ToolError(str(target), f"the API server ended the watch{why}")

    def may(self, verb: str, group: str, resource: str, namespace: str = "") -> bool:
        """Whether these credentials allow it: the API's own answer, which anybody may ask for and changes nothing.

        Args:
            namespace: "" asks of all of them at once.

        Raises: ToolError, Unreachable.
        """
        import orjson

        name, _, subresource = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": name,
            "subresource": subresource,
            "namespace": namespace,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }  # fmt: skip
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        target = Target("permissions", None, None, None)
        answer = self._request(path, {}, target, review)
        if answer.status not in (200, 201):
            raise self._refusal(answer, target)
        return bool(orjson.loads(answer.body).get("status", {}).get("allowed"))

    def _discover(self, group_version: str) -> frozenset[str]:
        path = "/api/v1" if group_version == "v1" else f"/apis/{group_version}"
        target = check(path, {})
        try:
            found = self._object(target, self._read(path, {}, target))
        except Absent:
            return frozenset()
        return frozenset(resource["name"] for resource in found.get("resources") or ())

    def _object(self, target: Target, body: bytes) -> dict[str, Any]:
        import orjson

        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ToolError(
                str(target), f"the answer is not JSON; check that {self.server} is a Kubernetes API"
            ) from error
        if not isinstance(answer, dict):
            raise ToolError(str(target), "the answer is not an object")
        # The paths are checked already; this is for an API that answers something else than was asked.
        if answer.get("kind") in ("Secret", "SecretList"):
            raise ToolError("secrets", "never read here")
        return answer

    def _read(self, path: str, query: dict[str, str | int], target: Target) -> bytes:
        answer = self._request(path, query, target)
        if answer.status == 429 or (answer.status == 503 and "Retry-After" in answer.headers):
            time.sleep(min(seconds(answer.headers.get("Retry-After"), 0.2), _MAX_WAIT_S))
            answer = self._request(path, query, target)
        if answer.status == 200:
            return answer.body
        if answer.status == 410 and "continue" in query:
            raise _Expired
        raise self._refusal(answer, target)

    def _request(
        self, path: str, query: dict[str, str | int], target: Target, review: dict[str, Any] | None = None
    ) -> Answer:
        method = "POST" if review else "GET"
        try:
            return self._connection.send(method, path, query, READ_S, body=review)
        except Lost as error:
            if error.how != "broke off":
                raise self._unanswered(error, target) from error
        try:
            # The server may close a kept connection just as it is used again: ask once more.
            return self._connection.send(method, path, query, READ_S, body=review)
        except Lost as error:
            raise self._unanswered(error, target) from error

    def _unanswered(self, lost: Lost, target: Target) -> SreError:
        match lost.how:
            case "slow":
                return ToolError(str(target), f"no answer within {READ_S:g} s")
            case "broke off":
                return ToolError(str(target), "the connection broke off")
            case "tls":
                return self._connection.tls_failed()
            case "garbled":
                return Unreachable(f"{self._connection} does not speak as a Kubernetes API does; check the address.")

    def _refusal(self, answer: Answer, target: Target) -> SreError:
        """The error that an HTTP status stands for; the server's own text is foreign and stays out."""
        status = answer.status
        if status == 401:
            return Unreachable(
                f"{self._connection} does not accept these credentials (401); renew them in the kubeconfig."
            )
        if status == 403:
            verb = "get" if target.name else "list"
            found = _ACCOUNT.search(answer.body.decode("utf-8", "replace").replace('\\"', '"'))
            who = found[1] if found else "this account"
            return Forbidden(str(target), f"forbidden: {who} may not {verb} {'it' if target.name else 'them'}")
        if status == 404:
            return Absent(str(target), "there is none" if target.name else "this API server does not serve them")
        if status == 410:
            return ToolError(str(target), "the list expired (410)")
        if status == 429:
            asked_s = seconds(answer.headers.get("Retry-After"), 1.0)
            return Busy(str(target), "the API server is too busy (429)", asked_s)
        why = f"the API server failed ({status})" if status >= 500 else f"the API server refused it ({status})"
        if "Retry-After" in answer.headers:
            return Busy(str(target), why, seconds(answer.headers["Retry-After"], 1.0))
        return ToolError(str(target), why)
