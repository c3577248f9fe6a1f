"""A local API server whose watches say what a test puts down for them, byte by byte."""

from __future__ import annotations

import http.server
import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from workers.changes.kinds import PATHS, Kind

RESET = b"\x00reset"  # the connection is torn
HOLD = b"\x00hold"  # the watch goes on, and says nothing


@dataclass
class Script:
    """What the next watches of each kind answer, each one tuple: a status with headers, or pieces of a body. When
    there are no more, `after` is said again and again."""

    url: str = ""
    items: dict[Kind, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    watches: dict[Kind, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    after: dict[Kind, tuple[Any, ...]] = field(default_factory=lambda: defaultdict(lambda: (HOLD,)))
    asked: list[tuple[float, Kind, str, str]] = field(default_factory=list)  # when, kind, list or watch, since
    ended: threading.Event = field(default_factory=threading.Event)

    def times(self, kind: Kind, verb: str) -> list[float]:
        return [at for at, k, v, _ in list(self.asked) if (k, v) == (kind, verb)]

    def since(self, kind: Kind) -> list[str]:
        return [since for _, k, v, since in list(self.asked) if (k, v) == (kind, "watch")]


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


@contextmanager
def serving() -> Iterator[Script]:
    script = Script()
    kinds = {path: kind for kind, path in PATHS.items()}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            kind = kinds.get(url.path)
            if kind is None:
                self.said(404, {})
            elif "watch" not in query:
                script.asked.append((time.monotonic(), kind, "list", ""))
                self.said(
                    200, {"kind": f"{kind}List", "metadata": {"resourceVersion": "10"}, "items": script.items[kind]}
                )
            else:
                script.asked.append((time.monotonic(), kind, "watch", query.get("resourceVersion", "")))
                held = script.watches[kind]
                self.watch(held.pop(0) if held else script.after[kind])

        def said(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def watch(self, pieces: tuple[Any, ...]) -> None:
            if isinstance(pieces[0], int):
                self.said(pieces[0], {"kind": "Status", "code": pieces[0]}, pieces[1] if pieces[1:] else None)
                return
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in pieces:
                if piece == HOLD:
                    script.ended.wait()
                elif piece == RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
                    return
                elif piece:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_args: object) -> None:
            """A client that hung up is not worth a word."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield script
    finally:
        script.ended.set()
        server.shutdown()
        server.server_close()
