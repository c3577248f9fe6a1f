"""Anthropic's Messages API as a script plays it: streamed turns in the real protocol, and every way in which it fails.

As a program: `python -m sandbox.messages SCRIPT.json` plays a list of turns and prints its address; GET /served tells
how long each answer took to make.
"""

from __future__ import annotations

import http.server
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.messages_rules import Body, Memory, conversation_hash, fault, tokens, usage

_PIECE = 40  # characters of text or of arguments in one event
_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
          413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """One answer of the model."""

    calls: Sequence[tuple[str, dict[str, Any]]] = ()  # tool and arguments
    text: str = ""
    thinking: str = ""
    stop_reason: str | None = None  # None: tool_use with calls, else end_turn
    wait_s: float = 0.0  # before anything is sent


@dataclass(frozen=True)
class Fault:
    """One failure, after which the script goes on with its next line."""

    status: int = 529  # 200: the stream begins, then breaks
    retry_after: str | None = None
    error_code: str | None = None
    after_events: int = 3  # of a stream: how many events are sent before it breaks
    error_event: bool = False  # of a stream: it breaks with an error event instead of a closed connection
    clean_end: bool = False  # of a stream: it ends as if it were whole
    silence_s: float = 0.0  # before the answer, or in the stream before it breaks


Line = Turn | Fault
Script = Sequence[Line] | Callable[[Body], Line]


@dataclass
class Served:
    """One request as it came, and what it cost to answer."""

    body: Body
    headers: dict[str, str]
    raw: bytes
    usage: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0  # from its first byte to the first byte of the answer


class ScriptedClaude:
    """The server, on loopback. `served` holds every request in order; a request that breaks a rule of the API gets 400.

    A script that is a function is asked with each request's body; a list is played once, and what comes after gets 400.
    """

    def __init__(self, script: Script, port: int = 0) -> None:
        self.served: list[Served] = []
        self._script = script
        self._memory = Memory()
        self._at = 0
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> ScriptedClaude:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def next_line(self, served: Served) -> Line | str:
        """What the script answers to this request; a text is why the API would refuse it."""
        with self._lock:
            self.served.append(served)
            wrong = fault(served.body, self._memory)
            if wrong:
                return wrong
            if callable(self._script):
                return self._script(served.body)
            if self._at >= len(self._script):
                return "the script has ended"
            self._at += 1
            return self._script[self._at - 1]

    def events(self, served: Served, turn: Turn) -> list[bytes]:
        """The answer as server-sent events."""
        with self._lock:
            served.usage = usage(served.body, self._memory)
            number = len(self.served)
            blocks = list(_blocks(turn, number))
            for block in blocks:
                if block["type"] == "thinking":
                    self._memory.thinking[block["signature"]] = conversation_hash(served.body["messages"])
        return [_event(each) for each in _stream(served, turn, blocks, number)]


def _blocks(turn: Turn, number: int) -> Iterator[Body]:
    if turn.thinking:
        yield {"type": "thinking", "thinking": turn.thinking, "signature": f"signature-{number}"}
    if turn.text:
        yield {"type": "text", "text": turn.text}
    for i, (name, args) in enumerate(turn.calls):
        yield {"type": "tool_use", "id": f"toolu_{number:04d}_{i:02d}", "name": name, "input": args}


def _stream(served: Served, turn: Turn, blocks: list[Body], number: int) -> Iterator[Body]:
    opening = {
        "id": f"msg_{number:04d}", "type": "message", "role": "assistant", "model": served.body["model"], "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {**served.usage, "output_tokens": 1},
    }  # fmt: skip
    yield {"type": "message_start", "message": opening}
    yield {"type": "ping"}
    for index, block in enumerate(blocks):
        yield from _block_events(index, block)
    stop = turn.stop_reason or ("tool_use" if turn.calls else "end_turn")
    spent = {"output_tokens": max(sum(tokens(block) for block in blocks), 1)}
    yield {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": spent}
    yield {"type": "message_stop"}


def _block_events(index: int, block: Body) -> Iterator[Body]:
    kind = block["type"]
    blanks: dict[str, Body] = {
        "text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}},
    }  # fmt: skip
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **blanks[kind]}}
    if kind == "tool_use":
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(json.dumps(block["input"]))]
    else:
        deltas = [{"type": f"{kind}_delta", kind: piece} for piece in _pieces(block[kind])]
    if kind == "thinking":
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _pieces(text: str) -> list[str]:
    return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]


def _event(data: Body) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], claude: ScriptedClaude) -> None:
        super().__init__(address, _Handler)
        self.claude = claude

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/served":
            self._refuse(404, "no such page")
            return
        rows = [{"seconds": each.seconds, "usage": each.usage} for each in self.server.claude.served]
        self._send(200, json.dumps(rows).encode())

    def do_POST(self) -> None:
        began = time.perf_counter()
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        served = Served(json.loads(raw), headers, raw)
        if self.path != "/v1/messages":
            self._refuse(404, "no such page")
        elif not ("authorization" in headers or "x-api-key" in headers) or "anthropic-version" not in headers:
            self._refuse(401, "x-api-key and anthropic-version headers are required")
        elif not str(served.body.get("model", "")).startswith("claude-"):
            self._refuse(404, f"model: {served.body.get('model')}")
        else:
            self._play(served, began)

    def _play(self, served: Served, began: float) -> None:
        line = self.server.claude.next_line(served)
        if isinstance(line, str):
            self._refuse(400, line)
        elif isinstance(line, Turn):
            time.sleep(line.wait_s)
            body = b"".join(self.server.claude.events(served, line))
            served.seconds = time.perf_counter() - began
            self._begin_stream()
            self._chunk(body)
            self._end_stream()
        elif line.status == 200:
            self._break_off(served, line)
        else:
            time.sleep(line.silence_s)
            self._refuse(line.status, "scripted", line.retry_after, line.error_code)

    def _break_off(self, served: Served, line: Fault) -> None:
        events = self.server.claude.events(served, Turn(text="I was about to say that " * 8))
        self._begin_stream()
        if line.after_events:
            self._chunk(b"".join(events[: line.after_events]))
        time.sleep(line.silence_s)
        if line.error_event:
            self._chunk(_event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))
        if line.error_event or line.clean_end:
            self._end_stream()
            return
        self.close_connection = True
        # Closing with unsent data pending and no linger resets the connection, as a failing proxy does.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("request-id", f"req_{len(self.server.claude.served):04d}")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _end_stream(self) -> None:
        self._chunk(b"")  # an empty chunk ends the body

    def _refuse(self, status: int, message: str, retry_after: str | None = None, code: str | None = None) -> None:
        error: Body = {"type": _KINDS.get(status, "api_error"), "message": message}
        if code:
            error["details"] = {"error_code": code}
        body = json.dumps({"type": "error", "error": error}).encode()
        self._send(status, body, **({"retry-after": retry_after} if retry_after else {}))

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def read_script(path: Path) -> list[Line]:
    """A script from a JSON file: a list of objects with the fields of Turn, or of Fault with a `status`."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Fault(**row) if "status" in row else Turn(**row) for row in rows]


def write_script(path: Path, lines: Sequence[Line]) -> None:
    path.write_text(json.dumps([asdict(line) for line in lines]), encoding="utf-8")


if __name__ == "__main__":
    with ScriptedClaude(read_script(Path(sys.argv[1]))) as claude:
        sys.stdout.write(f"{claude.url}\n")
        sys.stdout.flush()
        sys.stdin.read()  # until whoever started it goes away
