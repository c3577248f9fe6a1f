"""The pretend company, running: a Kubernetes API, a Prometheus and an Alertmanager on free ports of loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from sandbox.alert_rules import RULES
from sandbox.alertmanager.api import Alertmanager
from sandbox.alertmanager.dispatch import Route
from sandbox.alertmanager.model import Matcher
from sandbox.alertmanager.pager import Pager
from sandbox.alertmanager.silences import Silence
from sandbox.catalogue import catalogue
from sandbox.clock import Clock
from sandbox.exporter import METADATA
from sandbox.faults import Fault
from sandbox.kubernetes.access import OPERATOR, READER
from sandbox.kubernetes.api import KubernetesApi
from sandbox.loops import call_on
from sandbox.monitoring import Monitoring
from sandbox.pagerduty.server import PagerDuty
from sandbox.prometheus.api import PrometheusApi
from sandbox.services import CALLED_FROM_OUTSIDE
from sandbox.tenants import RULES as TENANT_RULES
from sandbox.world import World

READ_CONTEXT, WRITE_CONTEXT = "shop-reader", "shop-operator"
TICK_S = 0.2  # real seconds between two looks at the clock
MOST_AT_ONCE_S = 10.0  # of the company's time, so that catching up does not hold up the servers
DAY_S = 86_400.0
Result = TypeVar("Result")


class Company:
    """Start it on an event loop; `inject` and `heal` may be called from any thread.

    At `speed` 1 its time is the real time, as the bot expects. A greater speed is for tests of the company itself.

    Args:
        tenants: How many shops of other merchants it houses on one node.
        pagerduty: Whether it has a PagerDuty, which Alertmanager calls too; its `webhook_url` may be set later.
    """

    def __init__(
        self,
        folder: Path,
        *,
        speed: float = 1.0,
        webhook_url: str | None = None,
        channel: str | None = None,
        approver_groups: tuple[str, ...] = (),
        route: Route | None = None,
        pagerduty: bool = False,
        tenants: int = 0,
    ) -> None:
        self.clock, self.tenants = Clock(speed), tenants
        self.pagerduty = PagerDuty(self.clock) if pagerduty else None
        self.world = World(self.clock.now(), tenants)
        self.monitoring = Monitoring(self.world, (*RULES, *TENANT_RULES) if tenants else RULES)
        self.webhook_token = secrets.token_hex(16)
        self.alertmanager = Alertmanager(self.clock, self.webhook_token, route)
        self.alertmanager.dispatcher.url = webhook_url
        self.alertmanager.silences.put(_old_silence(self.clock.now()))
        self.kubeconfig, self.config = folder / "kubeconfig", folder / "sre-bot.yaml"
        self.kube_url = self.prometheus_url = self.alertmanager_url = ""
        self._folder, self._channel, self._groups = folder, channel, approver_groups
        self._tokens = {secrets.token_hex(16): READER, secrets.token_hex(16): OPERATOR}
        self._authority = b""
        self._runners: list[web.AppRunner] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve, and live. Writes the kubeconfig and the configuration file into the folder."""
        self._loop = asyncio.get_running_loop()
        world, monitoring = self.world, self.monitoring
        kubernetes = KubernetesApi(world.objects, world.kubelet, lambda: world.time, self._tokens, monitoring.usage)
        prometheus = PrometheusApi(monitoring.tsdb, monitoring.rules, self.clock.now, METADATA)
        self.kube_url = await self._serve(kubernetes.app(), self._certificate())
        self.prometheus_url = monitoring.rules.external_url = await self._serve(prometheus.app())
        self.alertmanager_url = await self._serve(self.alertmanager.app())
        self.alertmanager.dispatcher.external_url = self.alertmanager_url
        if self.pagerduty:
            await self.pagerduty.start()
            keys = {s.name: s.routing_key for s in self.pagerduty.account.services.values()}
            self.alertmanager.dispatcher.pager = Pager(self.pagerduty.events_url, keys[CALLED_FROM_OUTSIDE], keys)
        self._write_files()
        self._life = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """Safe to repeat."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        await self.alertmanager.dispatcher.stop()
        if self.pagerduty:
            await self.pagerduty.stop()
        while self._runners:
            runner = self._runners.pop()
            for connection in runner.server.connections if runner.server else ():
                if connection.transport is not None:
                    connection.transport.abort()  # an idle client would let a polite TLS farewell wait for long
            await runner.cleanup()

    @property
    def webhook_url(self) -> str | None:
        """Where Alertmanager posts to; until it is set, nothing is delivered."""
        return self.alertmanager.dispatcher.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self.alertmanager.dispatcher.url = url

    def inject(self, fault: Fault) -> None:
        """Begin a fault."""
        call_on(self._loop, lambda: self.world.inject(fault))

    def heal(self) -> None:
        """Undo every injected fault."""
        call_on(self._loop, self.world.heal)

    def environment(self) -> dict[str, str]:
        """The variables with which sre-bot finds this company."""
        return {
            "KUBECONFIG": str(self.kubeconfig), "SRE_KUBE_READ_CONTEXT": READ_CONTEXT,
            "SRE_KUBE_WRITE_CONTEXT": WRITE_CONTEXT, "PROMETHEUS_URL": self.prometheus_url,
            "ALERTMANAGER_URL": self.alertmanager_url, "ALERTMANAGER_WEBHOOK_TOKEN": self.webhook_token,
            "SRE_CONFIG": str(self.config),
            **(self.pagerduty.environment() if self.pagerduty else {}),
        }  # fmt: skip

    def _certificate(self) -> ssl.SSLContext:
        """For the Kubernetes API: kubectl sends no token over a connection that is not encrypted."""
        import trustme

        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._authority = authority.cert_pem.bytes()
        return context

    async def _serve(self, app: web.Application, tls: ssl.SSLContext | None = None) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        return f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"

    async def _live(self) -> None:
        while True:
            target = min(self.clock.now(), self.world.time + MOST_AT_ONCE_S)
            alerts = self.monitoring.advance_to(target)
            if alerts:
                self.alertmanager.receive(alerts)
            await asyncio.sleep(max(0.02, TICK_S / self.clock.speed))

    def _write_files(self) -> None:
        import yaml

        self._folder.mkdir(parents=True, exist_ok=True)
        tokens = {user: token for token, user in self._tokens.items()}
        authority = base64.b64encode(self._authority).decode()
        kubeconfig: dict[str, Any] = {
            "apiVersion": "v1", "kind": "Config", "current-context": READ_CONTEXT,
            "clusters": [{"name": "shop", "cluster": {"server": self.kube_url,
                                                      "certificate-authority-data": authority}}],
            "users": [{"name": "reader", "user": {"token": tokens[READER]}},
                      {"name": "operator", "user": {"token": tokens[OPERATOR]}}],
            "contexts": [{"name": READ_CONTEXT, "context": {"cluster": "shop", "user": "reader", "namespace": "shop"}},
                         {"name": WRITE_CONTEXT, "context": {"cluster": "shop", "user": "operator",
                                                             "namespace": "shop"}}],
        }  # fmt: skip
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
        contexts = {"read_context": READ_CONTEXT, "write_context": WRITE_CONTEXT, "prometheus": self.prometheus_url}
        content = catalogue(contexts, self._channel, self._groups)
        for held in self.pagerduty.account.services.values() if self.pagerduty else ():
            content["services"][held.name]["pagerduty"] = held.id
        self.config.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _old_silence(now: float) -> Silence:
    """Somebody muted the carts' Redis days ago, while it was being tuned, and everybody has forgotten."""
    matchers = (Matcher("service", "cart-redis"),)
    why = "restarts while we tune its disk settings, ignore"
    return Silence(
        "6f1d2a52-8a0e-4c0b-9f5e-0d7c2f1b6a31", matchers, now - 3 * DAY_S, now + 4 * DAY_S, now - 3 * DAY_S, "li", why
    )


@contextlib.contextmanager
def running(folder: Path, **options: Any) -> Iterator[Company]:
    """A company on an event loop in a thread of its own, for callers that have none; see `Company` for the options."""
    company = Company(folder, **options)
    started: Future[Callable[[], object]] = Future()

    async def live() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            await company.start()
            started.set_result(lambda: loop.call_soon_threadsafe(ended.set))
            await ended.wait()
        finally:
            await company.stop()

    with ThreadPoolExecutor(1, "sandbox-company") as thread:
        life = thread.submit(asyncio.run, live())
        either: list[Future[Any]] = [started, life]
        wait(either, return_when=FIRST_COMPLETED)
        if life.done():
            life.result()  # raises what kept it from starting
        end = started.result()
        try:
            yield company
        finally:
            end()
            life.result()


def wait_until(done: Callable[[], Result], timeout_s: float = 10.0) -> Result:
    """What `done` answers once that is true. Raises: TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not (answer := done()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not become true in time")
        time.sleep(0.02)
    return answer
