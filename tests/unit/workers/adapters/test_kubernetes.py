"""The Kubernetes adapter over real HTTP: pages, refusals, and a server that is not what it should be."""

from __future__ import annotations

import gzip
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.errors import Absent, Forbidden, ToolError, Unreachable
from workers.adapters import kubernetes
from workers.adapters.kubernetes import KubernetesCluster

Answer = tuple[int, bytes, dict[str, str]]
Route = Callable[[str, dict[str, str]], Answer]
PODS = "/api/v1/namespaces/shop/pods"


def said(status: int, body: object, **headers: str) -> Answer:
    return status, json.dumps(body).encode(), headers


class Api:
    """Answers GET requests as `route` says, and keeps what was asked."""

    def __init__(self) -> None:
        self.route: Route = lambda path, query: said(404, {})
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.reviewed: list[dict[str, str]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.reviewed.append(json.loads(self.rfile.read(length))["spec"]["resourceAttributes"])
                self.do_GET()

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                outer.asked.append((url.path, query))
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                status, body, headers = outer.route(url.path, query)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_args: object) -> None:
                """A client that hung up is not worth a word."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def api() -> Iterator[Api]:
    served = Api()
    yield served
    served.server.shutdown()
    served.server.server_close()


def cluster_at(url: str, token: str | None = None) -> KubernetesCluster:
    from kubernetes.client import Configuration

    configuration = Configuration(host=url)
    if token:
        configuration.api_key["BearerToken"] = f"Bearer {token}"
    return KubernetesCluster("lab", configuration)


@pytest.fixture
def cluster(api: Api) -> KubernetesCluster:
    return cluster_at(api.url, token="t0ken")


def pod(number: int) -> dict[str, Any]:
    return {"metadata": {"name": f"pod-{number}", "uid": f"uid-{number}"}}


def paged(api: Api, total: int, size: int = 500, gone_at: int | None = None) -> None:
    """A list in pages; the token for item `gone_at` is refused once."""
    refused: list[str] = []

    def route(path: str, query: dict[str, str]) -> Answer:
        token = query.get("continue", "0")
        if gone_at is not None and token == str(gone_at) and not refused:
            refused.append(token)
            return said(410, {"kind": "Status", "reason": "Expired"})
        start = int(token)
        more = {"continue": str(start + size)} if start + size < total else {}
        return said(200, {"metadata": more, "items": [pod(n) for n in range(start, min(start + size, total))]})

    api.route = route


def names(cluster: KubernetesCluster) -> list[str]:
    return [item["metadata"]["name"] for item in cluster.items(PODS)]


def test_a_list_is_read_in_pages_of_500_with_the_credentials(api: Api, cluster: KubernetesCluster) -> None:
    paged(api, 1200)

    assert names(cluster) == [f"pod-{n}" for n in range(1200)]
    assert [query for _, query in api.asked] == [
        {"limit": "500"}, {"limit": "500", "continue": "500"}, {"limit": "500", "continue": "1000"},
    ]  # fmt: skip
    assert api.headers[0]["authorization"] == "Bearer t0ken"


def test_an_expired_token_starts_over_and_nothing_comes_twice(api: Api, cluster: KubernetesCluster) -> None:
    paged(api, 1200, gone_at=1000)

    assert names(cluster) == [f"pod-{n}" for n in range(1200)]


def test_a_list_that_keeps_expiring_ends_in_an_error(api: Api, cluster: KubernetesCluster) -> None:
    def route(path: str, query: dict[str, str]) -> Answer:
        return said(410, {}) if "continue" in query else said(200, {"metadata": {"continue": "x"}, "items": [pod(1)]})

    api.route = route

    with pytest.raises(ToolError, match=r"^pods in shop \(the list kept expiring while it was read \(410\)\)$"):
        names(cluster)


def test_compressed_answers_are_read(api: Api, cluster: KubernetesCluster) -> None:
    body = gzip.compress(json.dumps({"items": [pod(1)]}).encode())
    api.route = lambda path, query: (200, body, {"Content_Encoding": "gzip"})

    assert names(cluster) == ["pod-1"]
    assert "gzip" in api.headers[0]["accept-encoding"]


def test_many_threads_read_at_once(api: Api, cluster: KubernetesCluster) -> None:
    paged(api, 700)

    with ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(lambda _: len(names(cluster)), range(48)))

    assert counts == [700] * 48


FORBIDDEN = {
    "message": 'pods is forbidden: User "system:serviceaccount:shop:reader" cannot list resource "pods" in API group ""'
}


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        (403, FORBIDDEN, Forbidden, "pods in shop (forbidden: system:serviceaccount:shop:reader may not list them)"),
        (403, {"message": "<script>"}, Forbidden, "pods in shop (forbidden: this account may not list them)"),
        (404, {}, Absent, "pods in shop (this API server does not serve them)"),
        (400, {}, ToolError, "pods in shop (the API server refused it (400))"),
        (500, {"message": "etcd: secret text"}, ToolError, "pods in shop (the API server failed (500))"),
        (302, {}, ToolError, "pods in shop (the API server refused it (302))"),
    ],
)
def test_each_refusal_is_one_sentence_of_ours(
    api: Api, cluster: KubernetesCluster, status: int, body: object, error: type[ToolError], sentence: str
) -> None:
    api.route = lambda path, query: said(status, body, Location="/api/v1/secrets")

    with pytest.raises(ToolError) as refused:
        names(cluster)

    assert type(refused.value) is error
    assert str(refused.value) == sentence
    assert [path for path, _ in api.asked] == [PODS]


def test_wrong_credentials_are_told_as_such(api: Api, cluster: KubernetesCluster) -> None:
    api.route = lambda path, query: said(401, {"message": "Unauthorized"})

    with pytest.raises(Unreachable) as refused:
        names(cluster)

    assert str(refused.value) == (
        f"The Kubernetes API of context lab at {api.url} does not accept these credentials (401); "
        "renew them in the kubeconfig."
    )


def test_a_busy_server_is_asked_once_more(api: Api, cluster: KubernetesCluster) -> None:
    paged(api, 1)
    good, calls = api.route, iter((429, 200, 429, 429))

    def route(path: str, query: dict[str, str]) -> Answer:
        return good(path, query) if next(calls) == 200 else said(429, {}, Retry_After="0")

    api.route = route

    assert names(cluster) == ["pod-0"]
    with pytest.raises(ToolError, match=r"the API server is too busy \(429\)"):
        names(cluster)


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"<html>", "the answer is not JSON; check that http://127.0.0.1"), (b"[1]", "the answer is not an object")],
)
def test_an_answer_that_is_no_kubernetes_answer_is_told(
    api: Api, cluster: KubernetesCluster, body: bytes, words: str
) -> None:
    api.route = lambda path, query: (200, body, {})

    with pytest.raises(ToolError, match=words):
        cluster.get(f"{PODS}/pod-1")


def test_a_secret_in_an_answer_is_not_passed_on(api: Api, cluster: KubernetesCluster) -> None:
    api.route = lambda path, query: said(200, {"kind": "SecretList", "items": [{"data": {"password": "aHVudGVy"}}]})

    with pytest.raises(ToolError, match="never read here"):
        names(cluster)


def test_a_forbidden_path_is_refused_before_anything_is_asked(api: Api, cluster: KubernetesCluster) -> None:
    for read in (cluster.get, lambda path: list(cluster.items(path))):
        with pytest.raises(ToolError, match="never read here"):
            read("/api/v1/namespaces/shop/Secrets")
    with pytest.raises(ToolError):
        cluster.logs("shop", "../../secrets/x", "app", lines=5)

    assert api.asked == []


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    closed = cluster_at(f"http://127.0.0.1:{port}")

    with pytest.raises(Unreachable, match=rf"context lab at http://127.0.0.1:{port} cannot be reached"):
        closed.get("/version")


def test_a_server_without_tls_behind_an_https_address_is_told(api: Api) -> None:
    wrong = cluster_at(api.url.replace("http:", "https:"))

    with pytest.raises(Unreachable, match="fails the TLS check"):
        wrong.get("/version")


def test_a_server_that_speaks_something_else_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        strange = cluster_at(f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(ToolError, match="the connection broke off"):
            strange.get("/version")
        thread.join()


def test_a_read_that_takes_too_long_is_told(
    api: Api, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "READ_S", 0.2)
    late = threading.Event()

    def route(path: str, query: dict[str, str]) -> Answer:
        late.wait(10)
        return said(200, {})

    api.route = route
    with pytest.raises(ToolError, match=r"^pods shop/pod-1 \(no answer within 0.2 s\)$"):
        cluster.get(f"{PODS}/pod-1")
    late.set()


def test_what_is_served_is_discovered_once(api: Api, cluster: KubernetesCluster) -> None:
    def route(path: str, query: dict[str, str]) -> Answer:
        known = {"/apis/batch/v1": ["jobs"], "/apis/batch/v1beta1": ["cronjobs"], "/api/v1": ["pods"]}
        return said(200, {"resources": [{"name": n} for n in known[path]]}) if path in known else said(404, {})

    api.route = route

    asked = [
        cluster.serves(*pair) for pair in (("batch/v1", "cronjobs"), ("batch/v1beta1", "cronjobs"), ("v1", "pods"))
    ]
    assert asked == [False, True, True]
    assert not cluster.serves("autoscaling/v2", "horizontalpodautoscalers")
    assert cluster.serves("batch/v1", "jobs")
    assert [path for path, _ in api.asked].count("/apis/batch/v1") == 1


def test_logs_ask_for_the_last_lines_of_the_run_before(api: Api, cluster: KubernetesCluster) -> None:
    api.route = lambda path, query: (200, "panic: \xff\n".encode("latin-1"), {})

    assert cluster.logs("shop", "web-1", "app", lines=20, previous=True) == "panic: �\n"
    [(path, query)] = api.asked
    assert path == f"{PODS}/web-1/log"
    assert query == {"container": "app", "tailLines": "20", "limitBytes": "262144", "previous": "true"}


@pytest.mark.parametrize("allowed", [True, False])
def test_what_is_allowed_is_asked_of_the_api_itself(api: Api, cluster: KubernetesCluster, allowed: bool) -> None:
    api.route = lambda path, query: said(201, {"status": {"allowed": allowed}})

    assert cluster.may("list", "apps", "deployments") is allowed
    assert cluster.may("create", "", "pods/eviction", "shop") is allowed
    assert api.reviewed == [
        {"verb": "list", "group": "apps", "resource": "deployments", "subresource": "", "namespace": ""},
        {"verb": "create", "group": "", "resource": "pods", "subresource": "eviction", "namespace": "shop"},
    ]
