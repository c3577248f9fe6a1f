"""How fast Slack is answered: the real `sre-bot web` in its own process, load arriving at random from this one.

    python -m bench.ack [--rate 50] [--seconds 20] [--busy 2] [--workers] [--ramp]

Open loop: requests go out at their drawn times whether or not earlier ones were answered, and each is timed from the
moment it was due, so that waiting in line counts. Prints p50, p99 and the worst, by transport and kind, and with --ramp
the rate at which p99 passes 500 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from blocks.evidence import SHOW_EVIDENCE
from core.diagnosis import Investigation, Subject
from core.incident import Alert, Incident
from core.records import Records, open_records
from core.redis import release
from core.settings import Settings
from sandbox.slack.clock import Clock, Timers
from sandbox.slack.signing import signed_headers
from sandbox.slack.sockets import Sockets
from sandbox.slack.state import Workspace

ROOT = Path(__file__).parent.parent
SECRET = secrets.token_hex(16)
ALLOWED_S, PASSED_S = 0.050, 0.500
START_TIMEOUT_S = 120
WARM_UP = 50  # requests before the clock counts
NO_CLUSTER = """
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
"""  # the investigators then work from memory and runbooks alone, which is what burns their CPU
Send = Callable[[str, dict[str, Any]], Awaitable[None]]


def command() -> tuple[str, dict[str, Any]]:
    """A slash command: half ask for stored state, half save and queue a question."""
    text = random.choice(("status", "explain checkout why is it slow"))
    return "slash_commands", {
        "command": "/sre", "text": text, "user_id": "U0MARIA", "team_id": "T0", "channel_id": "C0SRE",
        "trigger_id": secrets.token_hex(8),
    }  # fmt: skip


def button() -> tuple[str, dict[str, Any]]:
    """A click on [Evidence], whose modal is opened after the acknowledgement."""
    return "interactive", {
        "type": "block_actions", "user": {"id": "U0MARIA"}, "team": {"id": "T0"}, "trigger_id": secrets.token_hex(8),
        "channel": {"id": "C0SRE"}, "container": {"type": "message", "channel_id": "C0SRE", "message_ts": "1.1"},
        "actions": [{"action_id": SHOW_EVIDENCE, "block_id": "b", "type": "button", "value": "INV-1"}],
    }  # fmt: skip


def either() -> tuple[str, dict[str, Any]]:
    return random.choice((command, button))()


class Slack:
    """As much of Slack as an acknowledgement needs: the calls that follow one, and Socket Mode."""

    def __init__(self) -> None:
        workspace, timers = Workspace(Clock()), Timers(Clock())
        self.sockets = Sockets(workspace, timers, ack_timeout_s=30)
        self.url = ""
        self._http = web.Application()
        self._http.router.add_post("/api/{method}", self._method)
        self._http.router.add_get("/link/", self.sockets.serve)
        self._runner = web.AppRunner(self._http, access_log=None)

    async def __aenter__(self) -> Slack:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sockets.close()
        await self._runner.cleanup()

    async def _method(self, request: web.Request) -> web.Response:
        answer = {"ok": True, "ts": f"{time.time():.6f}", "channel": "C0SRE", "permalink": "https://x.test/p1"}
        if request.match_info["method"] == "apps.connections.open":
            answer["url"] = self.url.replace("http", "ws", 1) + self.sockets.issue()
        return web.json_response(answer)


async def by_socket(slack: Slack) -> Send:
    await _until(lambda: _has_connections(slack))

    async def send(kind: str, payload: dict[str, Any]) -> None:
        await slack.sockets.send(kind, payload, True, None)

    return send


def by_http(session: aiohttp.ClientSession, url: str) -> Send:
    async def send(kind: str, payload: dict[str, Any]) -> None:
        form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
        body = urlencode(form).encode()
        headers = signed_headers(SECRET, body) | {"Content-Type": "application/x-www-form-urlencoded"}
        async with session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            answer.raise_for_status()

    return send


async def offer(send: Send, draw: Callable[[], tuple[str, dict[str, Any]]], rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer, for requests that arrive as a Poisson process."""
    loop = asyncio.get_running_loop()
    took: list[float] = []

    async def one(due: float) -> None:
        try:
            await send(*draw())
            took.append(loop.time() - due)
        except (aiohttp.ClientError, TimeoutError):
            took.append(float("inf"))

    due, end, running = loop.time(), loop.time() + seconds, set()
    while (due := due + random.expovariate(rate)) < end:
        await asyncio.sleep(max(due - loop.time(), 0))
        running.add(task := asyncio.create_task(one(due)))
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return took


def p(share: float, took: list[float]) -> float:
    return statistics.quantiles(took, n=1000, method="inclusive")[round(share * 1000) - 1]


def told(name: str, took: list[float]) -> bool:
    """Prints the figures. Whether p99 is within what we allow ourselves."""
    held = p(0.99, took) < ALLOWED_S
    print(
        f"{name:28} n {len(took):6}  p50 {p(0.5, took) * 1000:7.1f} ms  p99 {p(0.99, took) * 1000:7.1f} ms  "
        f"worst {max(took) * 1000:7.1f} ms  {'below' if held else 'ABOVE'} {ALLOWED_S * 1000:.0f} ms",
        flush=True,
    )
    return held


async def ramp(name: str, send: Send, seconds: float) -> None:
    """Prints the rate, of commands and buttons mixed, at which p99 passes 500 ms."""
    rate, last = 100.0, 0.0
    while rate < 20_000:
        took = await offer(send, either, rate, seconds)
        done = sum(t < float("inf") for t in took)
        print(f"{name:28} {rate:6.0f}/s  p50 {p(0.5, took) * 1000:7.1f} ms  p99 {p(0.99, took) * 1000:7.1f} ms  "
              f"answered {done}/{len(took)}", flush=True)  # fmt: skip
        if p(0.99, took) > PASSED_S:
            print(
                f"{name:28} p99 passes {PASSED_S * 1000:.0f} ms between {last:.0f} and {rate:.0f} a second", flush=True
            )
            return
        rate, last = rate * 1.25, rate


def fill(records: Records) -> None:
    """What a busy afternoon leaves behind: ten incidents of five alerts, and the investigation that is clicked on."""
    now = records.now()
    alerts = tuple(
        Alert(fingerprint=f"f{n}", name="HighErrors", status="firing", labels={"pod": f"p{n}"}, starts_at=now)
        for n in range(5)
    )  # fmt: skip
    for number in range(10):
        records.incidents.save(
            Incident(
                id=f"INC-{number + 1}",
                title="checkout answers 5xx",
                source="alertmanager",
                alerts=alerts,
                opened_at=now,
            )
        )
    records.investigations.save(Investigation(id="INV-1", subject=Subject(text="checkout"), started_at=now))


@contextmanager
def process(arguments: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    log = Path(environment["SRE_DATA_DIR"]) / "log"
    with log.open("ab") as out:
        running = subprocess.Popen([sys.executable, *arguments], env=environment, cwd=ROOT, stderr=out)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:  # an investigation that waits for its cluster
            running.kill()
            running.wait()


@asynccontextmanager
async def bot(slack: Slack, mode: str, folder: Path, workers: bool) -> AsyncIterator[tuple[Send, Records]]:
    """The web process against this Slack, by this transport; with real investigators at its queue if asked for."""
    port = random.randint(20_000, 60_000)
    environment = os.environ | {
        "SRE_DATA_DIR": str(folder), "PORT": str(port), "SLACK_API_URL": f"{slack.url}/api/",
        "SLACK_BOT_TOKEN": "xoxb-b",
        **({"SLACK_APP_TOKEN": "xapp-b"} if mode == "socket" else {"SLACK_SIGNING_SECRET": SECRET}),
    }  # fmt: skip
    settings = Settings(data_dir=folder)
    records = open_records(settings)
    records.redis.flushall()
    fill(records)
    with ExitStack() as stack:
        stack.callback(release, settings, records.redis)
        stack.enter_context(process(["-m", "bot.cli", "web"], environment))
        if workers:
            (folder / "kubeconfig").write_text(NO_CLUSTER)
            environment["KUBECONFIG"] = str(folder / "kubeconfig")
            stack.enter_context(process(["-m", "bot.cli", "worker", "investigate", "notify"], environment))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await _until(lambda: _is_ready(session, port))
            if workers:
                await _until(lambda: _has_investigators(records))
            url = f"http://127.0.0.1:{port}/slack/events"
            yield (await by_socket(slack) if mode == "socket" else by_http(session, url)), records


async def _until(ready: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        while not await ready():  # noqa: ASYNC110  # other processes set no event
            await asyncio.sleep(0.1)


async def _is_ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _has_investigators(records: Records) -> bool:
    return bool(records.redis.scard("rq:workers:investigate"))


async def _has_connections(slack: Slack) -> bool:
    return len(slack.sockets.connections) == 2


async def measure(options: argparse.Namespace) -> bool:
    held = True
    for mode in ("http", "socket"):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            async with Slack() as slack, bot(slack, mode, Path(folder), options.workers) as (send, records):
                for _ in range(options.busy):
                    spin = ["-c", "while True: pass"]
                    stack.enter_context(process(spin, os.environ | {"SRE_DATA_DIR": folder}))
                for draw in (command, button):
                    await offer(send, draw, WARM_UP, 1)
                    took = await offer(send, draw, options.rate, options.seconds)
                    held &= told(f"{mode}, {draw.__name__}, {options.rate:g}/s", took)
                if options.workers:
                    begun = int(records.redis.get("sre:investigation-number") or 0)
                    print(f"{mode}: {begun} investigations begun meanwhile")
                if options.ramp:
                    await ramp(f"{mode}, ramp", send, min(options.seconds, 5))
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--busy", type=int, default=0, help="processes that only burn a core meanwhile")
    parser.add_argument("--workers", action="store_true", help="run an investigator on the questions that are asked")
    parser.add_argument("--ramp", action="store_true", help="then find the rate at which p99 passes 500 ms")
    sys.exit(0 if asyncio.run(measure(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
