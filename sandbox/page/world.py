"""The world on the page: how the company is, what can be broken, what fires, and how far a first incident has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import orjson
from aiohttp import web

from core.errors import SreError
from core.settings import Settings
from sandbox.company import Company
from sandbox.faults import FAULTS, NODE_DOWN, Fault, NodeDown
from sandbox.page.health import Health
from sandbox.page.journey import journey
from sandbox.page.page import Page
from sandbox.pagerduty.errors import ApiError
from sandbox.scenarios import SCENARIOS, Scenario
from sandbox.slack import SlackServer
from sandbox.slack.model import Json
from sandbox.stage import ASKS, CHANNEL, Stage

EVERY_S = 1.0
_TITLES = {
    scenario.fault.name: scenario.title for scenario in reversed(SCENARIOS) if scenario.fault
}  # of two, the first
_LABELS = {"node-down": "Storm"}
_BREAKS_NOTHING: Json = {"kind": "starting", "services": [], "faults": [], "alerts": [], "pagerduty": None}


class WorldPanel:
    """Publishes the topics `world` and `guide` on the page every second, and takes what its buttons ask.

    Args:
        context: The kube context that the bot reads in place of the pretend company's.
    """

    def __init__(self, page: Page, slack: SlackServer, environ: Mapping[str, str], context: str | None = None) -> None:
        self._page, self._slack, self._context = page, slack, context
        model = environ.get("SRE_MODEL") or Settings.model_fields["model"].default
        self.mode = (
            f"Claude ({model}) reasons over the evidence, since ANTHROPIC_API_KEY is set."
            if environ.get("ANTHROPIC_API_KEY")
            else "Runbooks reason over the evidence; set ANTHROPIC_API_KEY before the start and Claude does."
        )
        self._company: Company | None = None
        self._health: Health | None = None
        self._bot = "The bot is starting."
        self._ready = False
        self._broken_at: float | None = None
        self._was_asked = False
        self._tell()

    def mount(self, app: web.Application) -> None:
        """Add the routes; before the server starts."""
        app.router.add_get("/page/world", self._serve)
        app.router.add_post("/page/world/inject", self._inject)
        app.router.add_post("/page/world/heal", self._heal)
        app.router.add_post("/page/world/pagerduty", self._pagerduty)

    async def run(self, stage: Stage) -> None:
        """Follow what is on stage until cancelled."""
        self._company = stage.company
        self._health = Health(stage.company.world) if stage.company else None
        while True:
            await self._ask(stage)
            self._tell()
            await asyncio.sleep(EVERY_S)

    async def begin(self, scenario: Scenario) -> None:
        """Let a scenario's fault begin, or somebody say what it says."""
        if scenario.fault:
            self._break(scenario.fault)
        if scenario.says:
            command, _, text = scenario.says.partition(" ")
            await self._slack.command(ASKS, CHANNEL, command, text)

    def world(self) -> Json:
        """The panel's content."""
        shared = {"bot": {"ready": self._ready, "sentence": self._bot}, "mode": self.mode, "at": self._now()}
        if self._context is not None:
            return shared | _BREAKS_NOTHING | {"kind": "cluster", "sentence": _of_a_cluster(self._context)}
        if self._company is None or self._health is None:
            return shared | _BREAKS_NOTHING
        return shared | {
            "kind": "company",
            "services": self._health.services(),
            "faults": [
                {
                    "name": fault.name, "title": _LABELS.get(fault.name) or fault.name.replace("-", " ").capitalize(),
                    "service": fault.node if isinstance(fault, NodeDown) else fault.deployment,
                    "does": _TITLES[fault.name], "active": fault.holds(self._company.world.objects),
                }
                for fault in self._faults()
            ],
            "alerts": sorted(map(_alert, self._company.alertmanager.firing()), key=lambda a: (a["since"], a["name"])),
            "pagerduty": self._company.pagerduty.incidents() if self._company.pagerduty else None,
        }  # fmt: skip

    def guide(self) -> Json:
        """How far the first incident has come since the first fault."""
        began = self._broken_at
        progress = journey(self._slack.workspace, began or 0.0)
        told = progress["diagnosis"]
        took_s = round(float(told["ts"]) - began) if told and began is not None else None
        self._was_asked = self._was_asked or progress["approve"] is not None
        return progress | {
            "broken": began is not None, "took_s": took_s, "asked": self._was_asked, "healed": self._is_healed(),
        }  # fmt: skip

    def _tell(self) -> None:
        self._page.publish("world", self.world())
        self._page.publish("guide", self.guide())

    async def _ask(self, stage: Stage) -> None:
        try:
            missing = await stage.bot.missing()
        except SreError as error:
            self._ready, self._bot = False, str(error)
            return
        self._ready = not missing
        self._bot = f"The bot is starting: {' and '.join(missing)} not ready yet." if missing else "The bot is there."

    def _now(self) -> float:
        return self._company.world.time if self._company else time.time()

    def _is_healed(self) -> bool:
        return (
            self._broken_at is not None
            and self._company is not None
            and not any(fault.holds(self._company.world.objects) for fault in self._faults())
        )

    def _faults(self) -> tuple[Fault, ...]:
        """What can be broken here; the storm needs the small shops."""
        storm = (NODE_DOWN,) if self._company and self._company.tenants else ()
        return (*FAULTS.values(), *storm)

    def _break(self, fault: Fault | None) -> None:
        if self._company is None or fault is None:
            raise web.HTTPNotFound(text="There is no such fault.")
        if fault.holds(self._company.world.objects):
            raise web.HTTPConflict(text="This is broken already.")
        self._company.inject(fault)
        self._broken_at = self._broken_at or self._slack.clock.now()
        self._tell()

    async def _serve(self, _request: web.Request) -> web.Response:
        return _json(self.world())

    async def _inject(self, request: web.Request) -> web.Response:
        try:
            name = orjson.loads(await request.read())["fault"]
        except (orjson.JSONDecodeError, TypeError, KeyError):
            raise web.HTTPBadRequest(text='Send {"fault": NAME}.') from None
        self._break(next((fault for fault in self._faults() if fault.name == name), None))
        return _json(self.world())

    async def _heal(self, _request: web.Request) -> web.Response:
        if self._company is None:
            raise web.HTTPNotFound(text="There is nothing here to heal.")
        self._company.heal()
        self._tell()
        return _json(self.world())

    async def _pagerduty(self, request: web.Request) -> web.Response:
        """Do something in PagerDuty's own app, as the person that the reader is."""
        pagerduty = self._company.pagerduty if self._company else None
        if pagerduty is None:
            raise web.HTTPNotFound(text="There is no PagerDuty here.")
        acts = {"acknowledge": pagerduty.acknowledge, "resolve": pagerduty.resolve}
        try:
            asked = orjson.loads(await request.read())
            act, number, who = acts[asked["do"]], int(asked["incident"]), str(asked["as"])
        except (orjson.JSONDecodeError, TypeError, KeyError, ValueError):
            raise web.HTTPBadRequest(
                text='Send {"do": "acknowledge" or "resolve", "incident": NUMBER, "as": ID}.'
            ) from None
        person = self._slack.workspace.users.get(who)
        try:
            act(person.name if person else who, number)
        except ApiError as error:
            raise web.HTTPConflict(text=f"PagerDuty refuses: {error}.") from None
        except LookupError as error:
            raise web.HTTPNotFound(text=str(error.args[0])) from None
        self._tell()
        return _json(self.world())


def _of_a_cluster(context: str) -> str:
    return (f"The bot looks at your own cluster, by the kube context {context}. It only reads: its mode is shadow, "
            "and it has no context for writing. Nothing can be broken from here.")  # fmt: skip


def _alert(alert: Json) -> Json:
    labels = alert["labels"]
    return {
        "id": alert["fingerprint"], "name": labels.get("alertname", ""), "service": labels.get("service", ""),
        "severity": labels.get("severity", ""), "since": alert["startsAt"],
        "summary": alert["annotations"].get("summary", ""), "silenced": alert["status"]["state"] == "suppressed",
    }  # fmt: skip


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
