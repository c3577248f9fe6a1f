"""What the images do when they are started: run, refuse their configuration, or need more memory than they may have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

from sandbox.kubernetes.quantities import amount
from sandbox.kubernetes.resources import Json
from sandbox.services import BATCH_IMAGE, BATCH_TAKES_S, Service, service_of

MIB = 2**20
_REDIS_CHOICES = {
    "--appendfsync": ("no", "everysec", "always"),
    "--appendonly": ("yes", "no"),
    "--maxmemory-policy": ("noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl"),
}


@dataclass(frozen=True)
class Run:
    """How one start of one container goes. `ends_after_s` is None while it would run for ever."""

    ready_after_s: float = 0.5
    ends_after_s: float | None = None
    exit_code: int = 0
    reason: str = "Completed"  # as Kubernetes says of an ended container: Completed, Error, OOMKilled
    last_words: tuple[str, ...] = ()  # what it logs as it ends


def start(container: Json) -> Run:
    """What becomes of a container of this specification when it is started."""
    if container["image"] == BATCH_IMAGE:
        return Run(ends_after_s=BATCH_TAKES_S, last_words=("done, 3 warehouses",))
    service = service_of(container["image"])
    if service is None:
        return Run()
    refusal = _refusal(service, container)
    if refusal:
        return Run(ends_after_s=0.4, exit_code=2 if service.software == "go" else 1, reason="Error", last_words=refusal)
    limit = (container.get("resources") or {}).get("limits", {}).get("memory")
    if limit is not None and amount(limit) < service.memory_mib * MIB:
        return Run(ready_after_s=9.0, ends_after_s=1.2, exit_code=137, reason="OOMKilled")
    return Run(ready_after_s=service.ready_after_s)


def _refusal(service: Service, container: Json) -> tuple[str, ...]:
    """The last words of a program that does not accept its configuration; empty when it does."""
    if service.software == "redis":
        return _redis_refusal(list(container.get("args") or ()))
    env = {e["name"]: e.get("value", "") for e in container.get("env") or ()}
    for name, value in env.items():
        if re.search("_(URL|ADDR)$", name) and (why := _unusable(value)):
            return _WORDS[service.software](name, value, why)
    subjects = {name.partition("_")[0] for name in env}  # CART_URL may take the place of CART_ADDR
    for name, _ in service.env:
        if name.partition("_")[0] not in subjects:
            return _WORDS[service.software](name, "", "required variable is not set")
    return ()


def _unusable(value: str) -> str | None:
    """Why a URL or `host:port` cannot be used, as Go's net/url says it."""
    address = urlsplit(value if "://" in value else f"//{value}")
    try:
        if not address.hostname:
            return "missing host"
        _ = address.port
    except ValueError:
        port = address.netloc.rpartition(":")[2]
        return f'invalid port ":{port}" after host'
    return None


def _redis_refusal(args: list[str]) -> tuple[str, ...]:
    for name, value in pairwise(args):
        choices = _REDIS_CHOICES.get(name)
        if choices and value not in choices:
            return (
                "*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***",
                f"Reading the configuration file, at line {args.index(name) // 2 + 2}",
                f">>> '{name.removeprefix('--')} \"{value}\"'",
                f"argument(s) must be one of the following: {', '.join(choices)}",
            )
    return ()


def _go(name: str, value: str, why: str) -> tuple[str, ...]:
    return (
        f'panic: config: {name}: parse "{value}": {why}',
        "",
        "goroutine 1 [running]:",
        "main.mustConfig(...)",
        "\t/src/cmd/server/config.go:41",
        "main.main()",
        "\t/src/cmd/server/main.go:27 +0x1d4",
        "exit status 2",
    )


def _java(name: str, value: str, why: str) -> tuple[str, ...]:
    return (
        "ERROR [main] o.s.b.SpringApplication - Application run failed",
        f"java.lang.IllegalStateException: {name}: {why}: '{value}'",
        "\tat com.shop.config.Settings.require(Settings.java:88)",
        "\tat com.shop.Application.main(Application.java:21)",
    )


def _python(name: str, value: str, why: str) -> tuple[str, ...]:
    return (
        "Traceback (most recent call last):",
        '  File "/app/main.py", line 14, in <module>',
        "    settings = Settings.from_env()",
        '  File "/app/settings.py", line 37, in from_env',
        f'ValueError: {name}: {why}: "{value}"',
    )


def _node(name: str, value: str, why: str) -> tuple[str, ...]:
    return (
        "/app/dist/config.js:19",
        f"    throw new Error(`{name}: {why}: {value}`);",
        f"Error: {name}: {why}: {value}",
        "    at loadConfig (/app/dist/config.js:19:11)",
        "    at Object.<anonymous> (/app/dist/server.js:6:16)",
        "Node.js v20.11.1",
    )


_WORDS = {"go": _go, "java": _java, "python": _python, "node": _node, "postgres": _python}
