"""The Kubernetes API, read only: raw JSON, in pages, from many threads at once."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.errors import Absent, Forbidden, SreError, ToolError, Unreachable
from core.settings import Settings
from workers.adapters.kubeconfig import load, read_context
from workers.adapters.kubepaths import Target, check

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

PAGE = 500  # what kubectl asks for at once
CONNECT_S, READ_S = 2.0, 8.0  # an API server that takes longer for a page of 500 is itself part of the trouble
CONNECTIONS = 16
MAX_LOG_BYTES = 256 * 1024
_RESTARTS = 3  # of a list whose continue token expired
_MAX_WAIT_S = 1.0  # the longest Retry-After that is waited for, once
_ACCOUNT = re.compile(r'User "([\w@.:/-]{1,200})" cannot')


def open_cluster(settings: Settings, name: str | None = None) -> KubernetesCluster:
    """The cluster of that catalogue name, or the default one. Connects to nothing yet.

    Raises: ConfigError with one sentence that names the file, context or catalogue entry.
    """
    context, configuration = load(settings.kubeconfig, read_context(settings, name))
    return KubernetesCluster(context, configuration)


class _Expired(Exception):
    """410 Gone: the list's continue token is too old."""


class KubernetesCluster:
    """Implements workers.ports.Cluster over the kubernetes client's connections. Safe to use from many threads."""

    def __init__(self, name: str, configuration: Configuration) -> None:
        from kubernetes.client import ApiClient

        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.retries = False  # so that a refusal is seen as it is, and redirects are not followed
        self.name = name
        self.server = str(configuration.host)
        self._client: ApiClient = ApiClient(configuration)
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

    def may(self, verb: str, group: str, resource: str) -> bool:
        """Whether these credentials allow it: the API's own answer, which anybody may ask for and changes nothing.

        Raises: ToolError, Unreachable.
        """
        import orjson

        attributes = {"verb": verb, "group": group, "resource": resource}
        review = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }  # fmt: skip
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        target = Target("permissions", None, None, None)
        status, _, body = self._request(path, {}, target, review)
        if status not in (200, 201):
            raise self._refusal(status, body, target)
        return bool(orjson.loads(body).get("status", {}).get("allowed"))

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
        status, headers, body = self._request(path, query, target)
        if status == 429 or (status == 503 and "Retry-After" in headers):
            time.sleep(min(_seconds(headers.get("Retry-After")), _MAX_WAIT_S))
            status, headers, body = self._request(path, query, target)
        if status == 200:
            return body
        if status == 410 and "continue" in query:
            raise _Expired
        raise self._refusal(status, body, target)

    def _request(
        self, path: str, query: dict[str, str | int], target: Target, review: dict[str, Any] | None = None
    ) -> tuple[int, Any, bytes]:
        from urllib3.exceptions import ProtocolError

        try:
            return self._translated(path, query, target, review)
        except ProtocolError:
            # The server may close a kept connection just as it is used again: ask once more.
            try:
                return self._translated(path, query, target, review)
            except ProtocolError as error:
                raise ToolError(str(target), "the connection broke off") from error

    def _translated(
        self, path: str, query: dict[str, str | int], target: Target, review: dict[str, Any] | None = None
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body. Raises: Unreachable, ToolError, and ProtocolError for a broken connection."""
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3 import exceptions as urllib3

        try:
            method, url, headers, body, _ = self._client.param_serialize(
                "POST" if review else "GET", path, query_params=list(query.items()), body=review,
                header_params={"Accept": "application/json", "Accept-Encoding": "gzip"}
                | ({"Content-Type": "application/json"} if review else {}),
                auth_settings=["BearerToken"],
            )  # fmt: skip
            answer: Any = self._client.call_api(method, url, headers, body, _request_timeout=(CONNECT_S, READ_S))
            return answer.status, answer.headers, answer.read()
        except urllib3.ProtocolError:
            raise
        except (urllib3.ConnectTimeoutError, urllib3.NewConnectionError, urllib3.ProxyError) as error:
            raise Unreachable(f"{self._here()} cannot be reached; check the address and the network.") from error
        except urllib3.ReadTimeoutError as error:
            raise ToolError(str(target), f"no answer within {READ_S:g} s") from error
        except (ApiException, urllib3.SSLError, OSError) as error:  # the client hides TLS trouble in an ApiException
            raise Unreachable(
                f"{self._here()} fails the TLS check; check certificate-authority and the address."
            ) from error
        except urllib3.HTTPError as error:
            raise Unreachable(f"{self._here()} does not speak as a Kubernetes API does; check the address.") from error
        except ConfigException as error:  # when a credential is renewed
            raise Unreachable(f"{self._here()}: the credentials could not be renewed; log in again.") from error

    def _refusal(self, status: int, body: bytes, target: Target) -> SreError:
        """The error that an HTTP status stands for; the server's own text is foreign and stays out."""
        if status == 401:
            return Unreachable(f"{self._here()} does not accept these credentials (401); renew them in the kubeconfig.")
        if status == 403:
            verb = "get" if target.name else "list"
            found = _ACCOUNT.search(body.decode("utf-8", "replace").replace('\\"', '"'))
            who = found[1] if found else "this account"
            return Forbidden(str(target), f"forbidden: {who} may not {verb} {'it' if target.name else 'them'}")
        if status == 404:
            return Absent(str(target), "there is none" if target.name else "this API server does not serve them")
        why = {410: "the list expired (410)", 429: "the API server is too busy (429)"}.get(status)
        if why is None:
            why = f"the API server failed ({status})" if status >= 500 else f"the API server refused it ({status})"
        return ToolError(str(target), why)

    def _here(self) -> str:
        return f"The Kubernetes API of context {self.name} at {self.server}"


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdigit() else 0.2
