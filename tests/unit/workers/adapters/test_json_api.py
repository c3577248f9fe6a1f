from __future__ import annotations

import base64
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import Absent, ConfigError, Forbidden, SreError, ToolError, Unreachable
from workers.adapters import json_api
from workers.adapters.alertmanager import Alertmanager
from workers.adapters.json_api import JsonApi
from workers.adapters.prometheus import Prometheus

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]
GOOD = b'{"status":"success","data":{"resultType":"vector","result":[]}}'


class Server:
    """Answers every request as `answer` does; `headers` are those of the last one."""

    def __init__(self) -> None:
        self.answer: Answer = reply(200, GOOD)
        self.headers: dict[str, str] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.headers = dict(self.headers)
                outer.answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.http.server_port}"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self._thread.join()


def reply(status: int, body: bytes, **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("userinfo", "sent"),
    [
        ("", None),
        ("me:p%40ss@", "Basic " + base64.b64encode(b"me:p@ss").decode()),
        ("bearer:t%2Fok@", "Bearer t/ok"),
        (":tok@", "Bearer tok"),
    ],
)
def test_credentials_come_from_the_address_alone(
    server: Server, userinfo: str, sent: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login stray password stray\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    prometheus = Prometheus(f"http://{userinfo}{server.host}/prefix/")
    assert prometheus.instant("up") == ()
    assert server.headers.get("Authorization") == sent
    assert prometheus.url == f"http://{server.host}/prefix"
    assert prometheus.link("up") == f"http://{server.host}/prefix/graph?g0.expr=up&g0.tab=0&g0.range_input=1h"


def _error(status: int, kind: str, text: str) -> Answer:
    return reply(status, json.dumps({"status": "error", "errorType": kind, "error": text}).encode())


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (reply(401, b"no"), Forbidden, "Prometheus wants other credentials (401); write PROMETHEUS_URL as"),
        (reply(403, b"no"), Forbidden, "Prometheus forbids it to this account (403)"),
        (reply(404, b"<html>"), Absent, "has no such API; correct PROMETHEUS_URL"),
        (reply(502, b"<html>"), ToolError, "Prometheus or a proxy before it failed (502)"),
        (reply(200, b"<html>login"), ToolError, "answers with something else than JSON"),
        (reply(200, b"[]"), ToolError, "the answer is not what Prometheus answers"),
        (reply(200, b'{"status":"success","data":[1]}'), ToolError, "the answer is not what Prometheus answers"),
        (reply(200, b'{"status":"success","data":{"resultType":"vector","result":[{}]}}'), ToolError, "not what"),
        (reply(400, b'["x"]'), ToolError, "Prometheus refused it (400)"),
        (reply(302, b"", Location="http://127.0.0.1:1/login"), ToolError, "redirects elsewhere, perhaps to a login"),
        (
            _error(400, "bad_data", "1:3: parse error: \x1b[31m oops\nnow"),
            ToolError,
            "not valid: 1:3: parse error: [31m oops",
        ),
        (_error(422, "execution", "multiple matches for labels"), ToolError, "cannot be evaluated: multiple matches"),
        (
            _error(422, "execution", "query processing would load too many samples into memory"),
            ToolError,
            "too many samples",
        ),
        (_error(503, "timeout", "query timed out"), ToolError, "gave up because the query took too long"),
        (_error(500, "internal", "panic in /srv/x"), ToolError, "Prometheus refused it (500)"),
    ],
)
def test_each_refusal_is_one_sentence(server: Server, answer: Answer, kind: type[SreError], why: str) -> None:
    server.answer = answer
    with pytest.raises(kind) as caught:
        Prometheus(f"http://me:topsecret@{server.host}").instant("up")
    assert why in str(caught.value)
    assert "topsecret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_redirect_is_not_followed_with_the_credentials(server: Server) -> None:
    other = Server()
    try:
        server.answer = reply(307, b"", Location=f"http://{other.host}/api/v2/alerts")
        with pytest.raises(ToolError, match="redirects elsewhere"):
            Alertmanager(f"http://bearer:tok@{server.host}").firing()
        assert other.headers == {}
    finally:
        other.stop()


@pytest.mark.parametrize("body", [b"{}", b"[1]", b'[{"labels":{}}]', b'[{"labels":[],"fingerprint":"a"}]'])
def test_an_odd_answer_of_alertmanager_is_told(server: Server, body: bytes) -> None:
    server.answer = reply(200, body)
    if body == b"{}":
        assert Alertmanager(f"http://{server.host}").firing() == ()
        return
    with pytest.raises(ToolError, match="not what Alertmanager answers; check ALERTMANAGER_URL"):
        Alertmanager(f"http://{server.host}").firing()


def test_nothing_listening_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(
        Unreachable, match=f"Prometheus at http://127.0.0.1:{port} does not answer; check PROMETHEUS_URL"
    ):
        Prometheus(f"http://127.0.0.1:{port}").instant("up")


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://x", "http://", "http://[::1"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ConfigError, match="PROMETHEUS_URL is not an http or https address"):
        Prometheus(url)


def test_a_broken_connection_is_unreachable(server: Server) -> None:
    def cut(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"status"')
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    server.answer = cut
    with pytest.raises(Unreachable, match="does not answer"):
        Prometheus(f"http://{server.host}").instant("up")


@pytest.mark.parametrize("drip", [False, True])
def test_a_slow_answer_is_given_up_in_time(server: Server, drip: bool) -> None:
    done = threading.Event()

    def slow(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not done.wait(0.02):
            if drip:
                handler.wfile.write(b" ")
                handler.wfile.flush()

    server.answer = slow
    started = time.monotonic()
    try:
        with pytest.raises(ToolError, match="took longer than"):
            Prometheus(f"http://{server.host}", timeout_s=0.3).instant("up")
        assert time.monotonic() - started < 2
    finally:
        done.set()


def test_a_huge_answer_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_api, "MAX_BYTES", 1_000_000)
    server.answer = reply(200, b" " * 1_500_000)
    with pytest.raises(ToolError, match="larger than 1 MB; ask for less"):
        JsonApi("Prometheus", "PROMETHEUS_URL", f"http://{server.host}", 5).get("/", {}, "it")


def test_an_untrusted_certificate_is_named(server: Server, tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1"]
    subprocess.run([*make, "-subj", "/CN=localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    with pytest.raises(Unreachable, match="has a certificate that is not trusted here"):
        Prometheus(f"https://{server.host}").instant("up")
