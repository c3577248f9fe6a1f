"""Writes over real HTTP: what each outcome means, and that nothing is sent twice."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.errors import Conflict, Refused, SreError, Transient, Unclear, Unreachable
from tests.unit.workers.adapters.faulty import Answer, Faulty, served
from workers.adapters import kubernetes_write
from workers.adapters.kubernetes_write import KubernetesWriter

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
POD = "/api/v1/namespaces/shop/pods/web-1"
JOBS = "/apis/batch/v1/namespaces/shop/jobs"
Call = Callable[[KubernetesWriter], Any]
CALLS: dict[str, Call] = {
    "patch": lambda writer: writer.patch(WEB, [], json_patch=True),
    "create": lambda writer: writer.create(JOBS, {"kind": "Job"}),
    "evict": lambda writer: writer.create(f"{POD}/eviction", {"kind": "Eviction"}),
    "delete": lambda writer: writer.delete(POD, uid="u1"),
}


@pytest.fixture
def api() -> Iterator[Faulty]:
    with served() as faulty:
        yield faulty


def writer_at(url: str) -> KubernetesWriter:
    from kubernetes.client import Configuration

    return KubernetesWriter("lab", Configuration(host=url))


@pytest.fixture
def writer(api: Faulty) -> KubernetesWriter:
    return writer_at(api.url)


def status(code: int, reason: str | None = None, **headers: str) -> Answer:
    body = {"kind": "Status", "code": code, "message": "s3cret words", **({"reason": reason} if reason else {})}
    return code, body, {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (status(409, "Conflict"), Conflict, "at the same time"),
        (status(400, "BadRequest"), Refused, "BadRequest"),
        (status(401, "Unauthorized"), Refused, "Unauthorized"),
        (status(403, "Forbidden"), Refused, "Forbidden"),
        (status(404, "NotFound"), Refused, "NotFound"),
        (status(405, "MethodNotAllowed"), Refused, "MethodNotAllowed"),
        (status(422, "Invalid"), Refused, "Invalid"),
        (status(403, "<!channel> go"), Refused, "403"),
        ((302, b"<html>log in", {"Location": "https://elsewhere.invalid"}), Refused, "302"),
        (status(429, "TooManyRequests", Retry_After="7"), Transient, "429"),
        (status(503, "ServiceUnavailable", Retry_After="2"), Transient, "503"),
        (status(503, "ServiceUnavailable"), Unclear, "its answer was lost"),
        (status(500, "InternalError"), Unclear, "its answer was lost"),
        (status(504, "Timeout"), Unclear, "its answer was lost"),
        ((200, b"<html>ok</html>", {}), Unclear, "its answer was lost"),
        ((200, b"[]", {"Content-Length": "900", "Connection": "close"}), Unclear, "its answer was lost"),
        (None, Unclear, "its answer was lost"),
    ],
)
def test_every_outcome_is_its_own_error_and_is_sent_once(
    api: Faulty, writer: KubernetesWriter, call: Call, answer: Answer, error: type[SreError], says: str
) -> None:
    api.route = lambda asked: answer
    with pytest.raises(error) as raised:
        call(writer)
    assert type(raised.value) is error
    assert says in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert "<!channel>" not in str(raised.value)
    assert len(api.asked) == 1


def test_retry_after_is_kept_and_has_a_default(api: Faulty, writer: KubernetesWriter) -> None:
    api.route = lambda asked: status(429, Retry_After="7")
    with pytest.raises(Transient) as raised:
        CALLS["evict"](writer)
    assert raised.value.retry_after_s == 7
    api.route = lambda asked: status(429)
    with pytest.raises(Transient) as raised:
        CALLS["evict"](writer)
    assert raised.value.retry_after_s == 5


def test_an_answer_that_does_not_come_is_unclear_and_not_asked_for_again(
    api: Faulty, writer: KubernetesWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_write, "WRITE_S", 0.2)

    def hang(asked: object) -> Answer:
        api.released.wait(10)
        return status(200)

    api.route = hang
    with pytest.raises(Unclear, match="look at deployments shop/web"):
        CALLS["patch"](writer)
    assert len(api.asked) == 1


def test_a_dry_run_whose_answer_is_lost_may_be_repeated(api: Faulty, writer: KubernetesWriter) -> None:
    api.route = lambda asked: None
    with pytest.raises(Transient):
        writer.patch(WEB, {"spec": {}}, dry_run=True)
    assert [each.query for each in api.asked] == [{"dryRun": "All"}]


def test_where_nothing_listens_nothing_was_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unreachable, match="cannot be reached"):
        CALLS["patch"](writer_at(url))


def test_a_certificate_that_is_not_trusted_is_sent_nothing(tmp_path: Any) -> None:
    import ssl
    import threading

    import trustme

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shake() -> None:
            connection, _ = server.accept()
            with connection, pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=shake)
        thread.start()
        with pytest.raises(Unreachable, match="fails the TLS check"):
            CALLS["patch"](writer_at(f"https://127.0.0.1:{server.getsockname()[1]}"))
        thread.join(5)


def test_each_patch_says_what_it_is(api: Faulty, writer: KubernetesWriter) -> None:
    api.route = lambda asked: (200, {"kind": "Deployment"}, {})
    writer.patch(WEB, {"spec": {"replicas": 1}})
    writer.patch(WEB, [{"op": "test", "path": "/a", "value": 1}], json_patch=True)
    assert [each.headers["content-type"] for each in api.asked] == [
        "application/merge-patch+json",
        "application/json-patch+json",
    ]
    assert api.asked[1].body == [{"op": "test", "path": "/a", "value": 1}]


def test_a_deletion_names_the_uid_and_takes_what_it_owned(api: Faulty, writer: KubernetesWriter) -> None:
    api.route = lambda asked: (200, {"kind": "Status"}, {})
    writer.delete(POD, uid="u1")
    (asked,) = api.asked
    assert (asked.method, asked.path) == ("DELETE", POD)
    assert (asked.body["preconditions"], asked.body["propagationPolicy"]) == ({"uid": "u1"}, "Background")


def test_a_dry_run_of_a_deletion_says_so_in_its_body_too(api: Faulty, writer: KubernetesWriter) -> None:
    api.route = lambda asked: (200, {"kind": "Pod"}, {})
    writer.delete(POD, uid="u1", dry_run=True)
    assert (api.asked[0].query, api.asked[0].body["dryRun"]) == ({"dryRun": "All"}, ["All"])


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("patch", "/api/v1/namespaces/shop/secrets/key"),
        ("patch", "/api/v1/namespaces/shop/pods/web-1"),
        ("patch", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/sre-bot-operator"),
        ("patch", "/apis/rbac.authorization.k8s.io/v1/clusterroles/admin"),
        ("patch", "/apis/apps/v1/namespaces/shop/deployments"),
        ("patch", "/apis/apps/v1/namespaces/shop/deployments/web/status"),
        ("patch", "/apis/apps/v1beta1/namespaces/shop/deployments/web"),
        ("patch", "/apis/apps/v1/namespaces/shop/deployments/../../secrets/key"),
        ("patch", "/apis/evil/v1/namespaces/shop/deployments/web"),
        ("create", "/api/v1/namespaces/shop/pods"),
        ("create", "/api/v1/namespaces/shop/pods/web-1/exec"),
        ("create", "/api/v1/namespaces"),
        ("create", "/api/v1/namespaces/default/serviceaccounts/sre-bot-operator/token"),
        ("create", "/apis/batch/v1/namespaces/shop/jobs/x"),
        ("delete", "/api/v1/namespaces/shop"),
        ("delete", "/api/v1/namespaces/shop/pods"),
        ("delete", "/apis/batch/v1/namespaces/shop/jobs"),
        ("delete", "/api/v1/nodes/node-1"),
        ("delete", "/apis/apps/v1/namespaces/shop/deployments/web"),
    ],
)
def test_what_no_action_writes_never_leaves_the_process(
    api: Faulty, writer: KubernetesWriter, verb: str, path: str
) -> None:
    with pytest.raises(Refused, match="NotInCatalogue"):
        if verb == "delete":
            writer.delete(path, uid="u")
        elif verb == "create":
            writer.create(path, {"kind": "x"})
        else:
            writer.patch(path, {"a": 1})
    assert api.asked == []
