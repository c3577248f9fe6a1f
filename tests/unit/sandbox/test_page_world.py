"""The world as the page shows it: how services are, what its routes do, how far a first incident has come."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from core.errors import Unreachable
from sandbox.company import Company
from sandbox.faults import BAD_DEPLOY, FAULTS, IMAGE_TYPO, QUIET_DEPENDENCY, Rollout
from sandbox.page import Page
from sandbox.page.health import POINTS, STEP_S, Health
from sandbox.page.journey import journey
from sandbox.page.world import WorldPanel
from sandbox.pagerduty.model import Actor
from sandbox.scenarios import BY_NAME
from sandbox.services import SERVICES
from sandbox.slack import SlackServer
from sandbox.slack.clock import Clock
from sandbox.slack.model import BOT_USER_ID, Json, Message
from sandbox.slack.state import SRE, Workspace
from sandbox.stage import Stage
from sandbox.world import World

START = 1_790_000_000.0


@pytest.fixture(scope="module")
def pristine() -> World:
    return World(START)


@pytest.fixture
def world(pristine: World) -> World:
    return copy.deepcopy(pristine)


def states(health: Health) -> dict[str, str]:
    return {service["name"]: service["state"] for service in health.services()}


def one(health: Health, name: str) -> Json:
    return next(service for service in health.services() if service["name"] == name)


# health


def test_a_healthy_company_has_four_minutes_behind_it_from_the_start(world: World) -> None:
    services = Health(world).services()
    assert [s["name"] for s in services] == [*(s.name for s in SERVICES), "batch"]
    assert {s["state"] for s in services} == {"healthy"}
    assert {len(s["errors"]) for s in services if s["rps"] is not None} == {POINTS}
    assert services[-1]["why"] == "Runs every 15 minutes; the last run went well."


def test_samples_are_taken_as_time_passes_and_the_oldest_go(world: World) -> None:
    health = Health(world)
    before = one(health, "checkout")["errors"]
    world.advance(STEP_S)
    after = one(health, "checkout")["errors"]
    assert after[:-1] == before[1:]


def test_a_bad_deploy_shows_where_it_happened(world: World) -> None:
    health = Health(world)
    world.inject(BAD_DEPLOY)
    world.advance(20)
    checkout = one(health, "checkout")
    assert checkout["state"] in ("failing", "degraded")
    assert f"{checkout['ready']} of 4 pods ready" in checkout["why"]
    assert states(health)["payments"] == "healthy"


def test_a_dependency_without_a_pod_is_down_and_its_callers_fail(world: World) -> None:
    health = Health(world)
    world.inject(QUIET_DEPENDENCY)
    world.advance(20)
    assert (one(health, "cart-redis")["state"], one(health, "checkout")["state"]) == ("down", "failing")
    assert one(health, "cart-redis")["latency_s"] is None


def test_a_release_that_does_not_start_beside_one_that_runs_is_told(world: World) -> None:
    health = Health(world)
    world.inject(IMAGE_TYPO)
    world.advance(20)
    assert one(health, "storefront")["state"] == "degraded"
    assert one(health, "storefront")["why"] == "3 of 3 pods ready, and 1 of a newer release does not start."


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_a_fault_holds_from_its_rollout_to_its_repair(world: World, fault: Rollout) -> None:
    assert not fault.holds(world.objects)
    world.inject(fault)
    assert fault.holds(world.objects)
    assert not any(other.holds(world.objects) for other in FAULTS.values() if other is not fault)
    world.heal()
    assert not fault.holds(world.objects)


# journey


def post(workspace: Workspace, text: str, *buttons: Json, thread: str | None = None, user: str = BOT_USER_ID) -> str:
    blocks: list[Json] = [{"type": "actions", "elements": list(buttons)}] if buttons else []
    return workspace.post(Message(SRE, workspace.new_ts(), user, text, blocks, thread_ts=thread)).ts


def button(text: str, action_id: str) -> Json:
    return {"type": "button", "text": {"type": "plain_text", "text": text}, "action_id": action_id}


def test_a_first_incident_goes_from_card_to_diagnosis_to_approval() -> None:
    workspace = Workspace(Clock())
    assert journey(workspace, 0) == {"card": None, "diagnosis": None, "approve": None}
    post(workspace, "INC-9 is what I had once", user="U0JONAS")
    card = post(workspace, "INC-1, SEV2: checkout fails: looking into it")
    post(workspace, "INC-2, SEV3: another one")
    assert journey(workspace, 0)["card"] == {
        "channel": SRE, "channel_name": "sre", "ts": card, "incident": "INC-1",
        "text": "INC-1, SEV2: checkout fails: looking into it",
    }  # fmt: skip
    told = post(workspace, "Cause: a bad port", button("👍 Right", "feedback_right"), thread=card)
    assert journey(workspace, 0)["diagnosis"] == {"ts": told, "text": "Cause: a bad port"}
    assert journey(workspace, 0)["approve"] is None
    asked = post(workspace, "Roll back checkout?", button("Approve", "approve"), thread=card)
    assert journey(workspace, 0)["approve"] == {"ts": asked, "text": "Roll back checkout?"}


def test_cards_from_before_the_fault_are_not_of_this_journey() -> None:
    workspace = Workspace(Clock())
    card = post(workspace, "INC-1, SEV2: old")
    assert journey(workspace, float(card) + 1)["card"] is None


# routes


class _Bot:
    """Processes that say what they are told to."""

    def __init__(self) -> None:
        self.missing_parts: tuple[str, ...] = ("its memory", "its workers")
        self.error: Unreachable | None = None

    async def missing(self) -> tuple[str, ...]:
        if self.error:
            raise self.error
        return self.missing_parts


class _Visit:
    """A page with a company behind it."""

    def __init__(self, slack: SlackServer, company: Company, panel: WorldPanel, http: aiohttp.ClientSession) -> None:
        self.slack, self.company, self.panel, self.http, self.bot = slack, company, panel, http, _Bot()

    @property
    def stage(self) -> Stage:
        return Stage(self.slack, self.company, cast(Any, None), cast(Any, self.bot))

    async def follow(self) -> asyncio.Task[None]:
        """The panel's life, once it has looked for the first time."""
        life = asyncio.create_task(self.panel.run(self.stage))
        await asyncio.sleep(0)
        return life

    async def get(self) -> Json:
        async with self.http.get(f"{self.slack.origin}/page/world") as answer:
            return cast(Json, await answer.json())

    async def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        async with self.http.post(f"{self.slack.origin}/page/world/{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.text()


def visit(
    folder: Path, what: Callable[[_Visit], Awaitable[None]], context: str | None = None, tenants: int = 0,
    **environ: str,
) -> None:  # fmt: skip
    async def run() -> None:
        slack, company = SlackServer(), Company(folder, pagerduty=True, tenants=tenants)
        page = Page(slack, parts=("guide", "world"))
        page.mount(slack.web)
        panel = WorldPanel(page, slack, environ, context)
        panel.mount(slack.web)
        await slack.start()
        try:
            async with aiohttp.ClientSession() as http:
                await what(_Visit(slack, company, panel, http))
        finally:
            await company.stop()
            await slack.stop()

    asyncio.run(run())


def test_faults_are_injected_once_and_healed(tmp_path: Path) -> None:
    async def check(page: _Visit) -> None:
        life = await page.follow()
        assert (await page.post("inject", {"fault": "bad-deploy"}))[0] == 200
        assert [f["name"] for f in (await page.get())["faults"] if f["active"]] == ["bad-deploy"]
        assert await page.post("inject", {"fault": "bad-deploy"}) == (409, "This is broken already.")
        assert page.panel.guide()["broken"]
        assert not page.panel.guide()["healed"]
        assert (await page.post("heal", {}))[0] == 200
        assert not any(f["active"] for f in (await page.get())["faults"])
        assert page.panel.guide()["healed"]
        life.cancel()

    visit(tmp_path, check)


def test_what_makes_no_sense_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async def check(page: _Visit) -> None:
        life = await page.follow()
        assert await page.post("inject", {"fault": "no-such"}) == (404, "There is no such fault.")
        assert await page.post("inject", ["bad-deploy"]) == (400, 'Send {"fault": NAME}.')
        assert (await page.post("inject", {"fault": "bad-deploy"}, Origin="http://elsewhere.example"))[0] == 403
        assert not any(f["active"] for f in (await page.get())["faults"])
        life.cancel()

    visit(tmp_path, check)


def test_a_storm_can_be_started_where_there_are_shops_to_hit(tmp_path: Path) -> None:
    async def without(page: _Visit) -> None:
        life = await page.follow()
        assert await page.post("inject", {"fault": "node-down"}) == (404, "There is no such fault.")
        life.cancel()

    async def with_shops(page: _Visit) -> None:
        life = await page.follow()
        (storm,) = (f for f in (await page.get())["faults"] if f["name"] == "node-down")
        assert (storm["title"], storm["service"], storm["active"]) == ("Storm", "node-3", False)
        assert (await page.post("inject", {"fault": "node-down"}))[0] == 200
        assert [f["name"] for f in (await page.get())["faults"] if f["active"]] == ["node-down"]
        assert (await page.post("heal", {}))[0] == 200
        assert page.panel.guide()["healed"]
        life.cancel()

    visit(tmp_path / "a", without)
    visit(tmp_path / "b", with_shops, tenants=3)


def test_people_act_in_pagerduty_from_the_page(tmp_path: Path) -> None:
    async def check(page: _Visit) -> None:
        pagerduty = page.company.pagerduty
        assert pagerduty
        life = await page.follow()
        service = pagerduty.account.service("checkout")
        website = Actor(agent=None, channel="website")
        held = pagerduty.desk.open(service, "checkout answers 5xx", None, website)
        asked = {"incident": held.number, "as": "U0MARIA"}
        assert (await page.post("pagerduty", asked | {"do": "acknowledge"}))[0] == 200
        (shown,) = (await page.get())["pagerduty"]
        assert (shown["status"], shown["acknowledged_by"]) == ("acknowledged", ["Maria Keller"])
        assert (await page.post("pagerduty", asked | {"do": "resolve"}))[0] == 200
        assert (await page.get())["pagerduty"][0]["status"] == "resolved"
        status, said = await page.post("pagerduty", asked | {"do": "resolve"})
        assert (status, said[:19]) == (409, "PagerDuty refuses: ")
        assert (await page.post("pagerduty", {"do": "resolve", "incident": 99, "as": "U0MARIA"}))[0] == 409
        assert (await page.post("pagerduty", asked | {"do": "acknowledge", "as": "U0NOBODY"}))[0] == 404
        assert (await page.post("pagerduty", {"do": "delete", "incident": 1, "as": "U0MARIA"}))[0] == 400
        life.cancel()

    visit(tmp_path, check)


def test_the_page_is_honest_about_a_bot_that_is_starting_or_has_ended(tmp_path: Path) -> None:
    async def check(page: _Visit) -> None:
        assert (await page.get())["bot"] == {"ready": False, "sentence": "The bot is starting."}
        assert (await page.post("inject", {"fault": "bad-deploy"}))[0] == 404
        assert (await page.post("heal", {}))[0] == 404
        life = await page.follow()
        assert (await page.get())["bot"]["sentence"] == "The bot is starting: its memory and its workers not ready yet."
        page.bot.error = Unreachable("The bot's process 'web' has ended: no reason.")
        await page.panel._ask(page.stage)
        assert (await page.get())["bot"] == {"ready": False, "sentence": str(page.bot.error)}
        life.cancel()

    visit(tmp_path, check)


def test_a_cluster_of_ones_own_can_be_looked_at_only(tmp_path: Path) -> None:
    async def check(page: _Visit) -> None:
        world = await page.get()
        assert (world["kind"], world["services"], world["faults"]) == ("cluster", [], [])
        assert "your own cluster, by the kube context kind-mine. It only reads" in world["sentence"]
        assert (await page.post("inject", {"fault": "bad-deploy"}))[0] == 404

    visit(tmp_path, check, context="kind-mine")


def test_the_page_says_who_reasons(tmp_path: Path) -> None:
    async def runbooks(page: _Visit) -> None:
        assert (await page.get())["mode"].startswith("Runbooks reason over the evidence; set ANTHROPIC_API_KEY")

    async def claude(page: _Visit) -> None:
        world = await page.get()
        assert world["mode"] == "Claude (some-model) reasons over the evidence, since ANTHROPIC_API_KEY is set."
        assert "secret" not in str(world)

    visit(tmp_path, runbooks)
    visit(tmp_path, claude, ANTHROPIC_API_KEY="secret", SRE_MODEL="some-model")


def test_a_scenario_may_begin_by_itself(tmp_path: Path) -> None:
    async def check(page: _Visit) -> None:
        life = await page.follow()
        await page.panel.begin(BY_NAME["image-typo"])
        assert [f["name"] for f in (await page.get())["faults"] if f["active"]] == ["image-typo"]
        life.cancel()

    visit(tmp_path, check)
