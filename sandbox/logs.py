"""What the services write to their logs, hour by hour: the same for the same pod and second, so that runs repeat.

Some of the normal lines look like trouble. They are at their usual rate all day, as such lines are in real services.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.services import BATCH_IMAGE, service_of
from sandbox.traffic import Flow

KEPT_LINES = 3000  # of one container; a kubelet rotates at 10 MiB


@dataclass(slots=True)
class Log:
    """The lines of one run of a container, oldest first, with the time of each in Unix seconds."""

    lines: list[tuple[float, str]] = field(default_factory=list)

    def add(self, at: float, *lines: str) -> None:
        self.lines.extend((at, line) for line in lines)
        if len(self.lines) > 2 * KEPT_LINES:
            del self.lines[:-KEPT_LINES]


def first_words(image: str, pod: str) -> tuple[str, ...]:
    """What a container of this image logs when it starts."""
    service = service_of(image)
    if image == BATCH_IMAGE:
        return ("stock-sync 2.4.0 starting", "connecting to orders-db:5432", "fetching levels of 3 warehouses")
    if service is None:
        return (".:53", "CoreDNS-1.10.1", "linux/amd64, go1.20, 055b2c3")
    tag = image.rpartition(":")[2]
    return tuple(line.format(tag=tag, pod=pod, port=service.port) for line in _FIRST[service.software])


def batch_words(second: int) -> tuple[str, ...]:
    """What the stock job logs in each second of its run."""
    return (f"warehouse {second // 7 + 1}: {second * 412 % 1900} levels written",) if second % 7 == 3 else ()


def lines_of(software: str, pod: str, flow: Flow, second: int) -> Iterator[str]:
    """What one pod writes in one second under this load."""
    chance = random.Random(f"{pod}/{second}")
    at = datetime.fromtimestamp(second + chance.random(), UTC)
    values = {
        "iso": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "nginx": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "plain": at.strftime("%Y-%m-%d %H:%M:%S,") + f"{at.microsecond // 1000:03d}",
        "redis": at.strftime("%d %b %Y %H:%M:%S.") + f"{at.microsecond // 1000:03d}",
        "id": f"{chance.getrandbits(40):010x}",
        "n": chance.randrange(1000, 99999),
        "small": chance.randrange(2, 40),
        "ms": round(1000 * flow.latency_s * chance.uniform(0.5, 1.9)),
        "ip": f"10.244.{chance.randrange(0, 3)}.{chance.randrange(3, 90)}",
        "port": chance.randrange(30000, 60000),
    }
    for line, share in _ORDINARY[software]:
        if chance.random() < share:
            yield line.format(**values)
    for callee, ratio in flow.failed_calls.items():
        if ratio > 0.01 and chance.random() < min(0.9, ratio):
            yield _REFUSED[software](callee).format(**values)
    if flow.shed > 0.005 and chance.random() < 0.7:
        yield _OVERLOADED[software].format(**values)


_FIRST = {
    "go": (
        '{{"level":"INFO","msg":"checkout starting","version":"{tag}","pod":"{pod}"}}',
        '{{"level":"INFO","msg":"config loaded","source":"env"}}',
    ),
    "node": ("storefront {tag} starting, pod {pod}", "loading configuration from the environment"),
    "java": (
        "Picked up JAVA_TOOL_OPTIONS",
        "INFO  [main] o.s.b.StartupInfoLogger - Starting Application v{tag} using Java 17.0.10 on {pod}",
    ),
    "python": ("INFO:     Started parent process [1]", "INFO:     Waiting for application startup. version={tag}"),
    "redis": (
        "1:C * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
        "1:C * Redis version={tag}, bits=64, commit=00000000, modified=0, pid=1, just started",
    ),
    "postgres": ("LOG:  starting PostgreSQL {tag} on x86_64-pc-linux-gnu", "LOG:  listening on IPv4 port {port}"),
}

# A line and the share of seconds in which a pod writes it.
_ORDINARY: dict[str, tuple[tuple[str, float], ...]] = {
    "go": (
        ('{{"time":"{iso}","level":"INFO","msg":"order placed","order":"{n}","items":{small},"took_ms":{ms}}}', 0.5),
        ('{{"time":"{iso}","level":"WARN","msg":"payment exception handled","code":"card_declined","order":"{n}"}}',
         0.17),
        ('{{"time":"{iso}","level":"ERROR","msg":"retrying after error","attempt":1,"error":"context deadline '
         'exceeded","recovered":true,"order":"{n}"}}', 0.02),
    ),
    "node": (
        ('{ip} - - [{nginx}] "GET /p/{n} HTTP/1.1" 200 {n} {ms}ms', 0.9),
        ('{ip} - - [{nginx}] "GET /search?q=lamp HTTP/1.1" 200 {n} {ms}ms', 0.4),
        ('{ip} - - [{nginx}] "GET /favicon-{small}.png HTTP/1.1" 404 153 2ms', 0.15),
        ("{iso} warn: client closed connection before the response was sent, request={id}", 0.06),
    ),
    "java": (
        ("{plain} INFO  [exec-{small}] c.s.api.RequestLog - request={id} status=200 took={ms}ms", 0.6),
        ("{plain} WARN  [exec-{small}] c.s.acquirer.Client - Declined by issuer, request={id}, not an error", 0.1),
        ("{plain} INFO  [gc] Pause Young (Normal) 412M->188M(640M) {small}.2ms", 0.05),
    ),
    "python": (
        ('INFO:     {ip}:{port} - "GET /products/{n} HTTP/1.1" 200 OK', 0.9),
        ("{plain} WARNING cache miss for product {n}, reading from database", 0.2),
    ),
    "redis": (
        ("1:M {redis} * {small} changes in 60 seconds. Saving...", 0.016),
        ("1:M {redis} * Background saving terminated with success", 0.016),
    ),
    "postgres": (
        ("{plain} LOG:  checkpoint complete: wrote {small} buffers (0.2%); write={small}.1 s, sync=0.004 s", 0.02),
        ("{plain} LOG:  duration: {n}.2 ms  statement: SELECT count(*) FROM price_history", 0.01),
    ),
}  # fmt: skip


def _address(callee: str) -> str:
    """Where a caller finds the service, as its own log names it."""
    ports = {"cart-redis": 6379, "orders-db": 5432}
    return f"{callee}:{ports.get(callee, 8080)}"


_REFUSED: dict[str, Callable[[str], str]] = {
    "go": lambda to: (
        '{{"time":"{iso}","level":"ERROR","msg":"request failed","order":"{n}","error":"dial tcp '
        + _address(to)
        + ': connect: connection refused"}}'
    ),
    "node": lambda to: "{iso} error: upstream " + _address(to) + " answered 502, request={id}",
    "java": lambda to: (
        "{plain} ERROR [exec-{small}] c.s.api.Handler - request={id} failed: java.net.ConnectException: "
        "Connection refused: " + _address(to)
    ),
    "python": lambda to: (
        "{plain} ERROR sqlalchemy.exc.OperationalError: connection to server at " + _address(to) + " failed: refused"
    ),
    "redis": lambda to: "1:M {redis} # Connection with " + _address(to) + " lost",
    "postgres": lambda to: "{plain} FATAL:  could not connect to " + _address(to),
}
_OVERLOADED = {
    "go": '{{"time":"{iso}","level":"ERROR","msg":"too many requests in flight, shedding","limit":64,"order":"{n}"}}',
    "node": "{iso} error: event loop lag {ms}ms, answering 503, request={id}",
    "java": "{plain} ERROR [exec-{small}] o.a.t.u.t.ThreadPoolExecutor - 200 threads busy, rejecting request={id}",
    "python": "{plain} ERROR worker pool exhausted, answering 503",
    "redis": "1:M {redis} # Client id={n} closed for overcoming of output buffer limits",
    "postgres": "{plain} FATAL:  sorry, too many clients already",
}
