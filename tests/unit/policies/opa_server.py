"""A server on loopback that speaks as much of OPA's REST API as a policy needs: modules, data, decisions.

It evaluates what was put into it, through rego-cpp, so a module that never arrived does not count.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up waiting is no error here."""


class OpaServer:
    """OPA's state. `answers` replaces what the next requests of a method and path prefix get: (status, body)."""

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}
        self.data: dict[str, Any] = {}
        self.answers: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.requests: list[str] = []
        self.stalled = Lock()  # held by a test: requests wait
        self._lock = Lock()
        self._http = _Http(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def restart(self) -> None:
        """Forget everything, as OPA does."""
        self.modules.clear()
        self.data.clear()

    def handle(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        with self.stalled, self._lock:
            self.requests.append(f"{method} {path}")
            for (its_method, prefix), answer in self.answers.items():
                if method == its_method and path.startswith(prefix):
                    return answer
            kind, _, name = path.removeprefix("/v1/").partition("/")
            if kind == "policies":
                return self._policies(method, unquote(name), body)
            if kind == "data" and method == "PUT":
                self.data[name] = json.loads(body)
                return 204, b""
            if kind == "data" and method == "POST":
                return 200, json.dumps(self._decide(name, json.loads(body))).encode()
            return 404, b'{"code": "undefined_document"}'

    def _policies(self, method: str, name: str, body: bytes) -> tuple[int, bytes]:
        if method == "GET":
            return 200, json.dumps({"result": [{"id": each} for each in self.modules]}).encode()
        if method == "DELETE":
            del self.modules[name]
        else:
            self.modules[name] = body.decode()
        return 200, b"{}"

    def _decide(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        from regopy import Input, Interpreter

        if not self.modules:
            return {}
        rego = Interpreter()
        rego.add_data(self.data)
        for path, source in self.modules.items():
            rego.add_module(path, source)
        bundle = rego.build(None, [name])
        rego.set_input(Input(body["input"]))
        output = rego.query_bundle_entrypoint(bundle, name)
        return {"result": output[0].expressions[0]} if output.ok() else {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = server.handle(self.command, self.path, body)
                head = f"HTTP/1.1 {status} Answer\r\nContent-Length: {len(answer)}\r\n\r\n"
                self.wfile.write(head.encode() + answer)  # at once: two writes wait 40 ms for each other's ACK

            do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
