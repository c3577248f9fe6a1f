"""`sre-bot demo` as a newcomer meets it: its page in Chromium, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.messages import ScriptedClaude, Turn
from sandbox.ports import free_port
from tests.live.conftest import absent_so
from tests.live.demo import ROOT, Demo, demo
from tests.live.lab import Lab, workload

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

pytestmark = pytest.mark.live
SHOTS = ROOT / ".screenshots"
CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        absent_so("there is no /usr/bin/chromium: install Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Demo]:
    with demo(free_port()) as found:
        yield found


@contextlib.contextmanager
def visitor(browser: Browser, url: str, width: int = 1280, theme: Any = "light") -> Iterator[Page]:
    """A fresh browser profile on the page; fails at the end if the console held an error."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    # A page that is left while it loads gives up what it was loading.
    page.on("requestfailed", lambda request: errors.append(request.url) if _is_failure(request) else None)
    page.on("request", lambda request: None if request.url.startswith(url) else errors.append(f"fetched {request.url}"))
    page.goto(url)
    try:
        yield page
    finally:
        page.screenshot(path=SHOTS / f"last-{width}-{theme}.png")
        context.close()
    assert errors == []


def _is_failure(request: Request) -> bool:
    return "/page/events" not in request.url and request.failure != "net::ERR_ABORTED"


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def test_a_newcomer_gets_from_fault_to_diagnosis_to_approval_to_health(browser: Browser, running: Demo) -> None:
    running.until(lambda: "The page is at" in running.said)
    with visitor(browser, running.url) as page:
        guide, world = page.locator("#guide"), page.locator("#world")
        world.get_by_text("All 8 services are healthy.").wait_for()
        world.get_by_text("The bot is there.").wait_for()
        shot(page, "1-start-1280-light")
        guide.get_by_role("button", name="Break it").click()
        world.get_by_role("button", name="checkout: failing").or_(
            world.get_by_role("button", name="checkout: degraded")
        ).wait_for()
        broken = world.get_by_role("button", name="Bad deploy")
        assert broken.get_attribute("aria-disabled") == "true"
        world.locator(".alert").first.wait_for()
        guide.get_by_text("opened INC-1 in #sre").wait_for()
        guide.get_by_text("Cause found").wait_for()
        shot(page, "2-diagnosed-1280-light")
        guide.get_by_role("button", name="Read the thread").click()
        page.locator("#thread").get_by_text("Cause: checkout cannot start").first.wait_for()
        shot(page, "3-thread-1280-light")
    for width, theme in ((1280, "dark"), (400, "light"), (400, "dark")):
        with visitor(browser, running.url, width, theme) as page:
            page.locator("#guide").get_by_text("Cause found").wait_for()
            shot(page, f"4-{width}-{theme}")
            if width == 400:
                page.get_by_role("button", name="World").click()
            for part in ("Services", "Break something", "PagerDuty"):
                page.locator("#world").get_by_role("heading", name=part).scroll_into_view_if_needed()
                shot(page, f"4-{width}-{theme}-{part.split()[0].lower()}")
    with visitor(browser, running.url) as page:
        page.locator("#guide").get_by_text("press Approve there").wait_for()
        page.locator("#guide").get_by_role("button", name="Read the thread").click()
        page.locator("#thread").get_by_role("button", name="Approve").click()
        page.locator("#guide").get_by_text("the fault is gone").wait_for()
        page.get_by_role("tab", name="World").click()
        page.locator("#world").get_by_text("All 8 services are healthy.").wait_for()
        shot(page, "5-healed-1280-light")


def test_whatever_is_broken_is_healed_at_one_press(browser: Browser, running: Demo) -> None:
    running.ready()
    with visitor(browser, running.url) as page:
        world = page.locator("#world")
        heal = world.get_by_role("button", name="Heal everything")
        world.get_by_role("button", name="Unschedulable").click()
        world.get_by_role("button", name="catalog: degraded").wait_for()
        world.get_by_text("Undoes unschedulable.").wait_for()
        heal.click()
        world.get_by_role("button", name="catalog: healthy").wait_for()
        assert heal.get_attribute("aria-disabled") == "true"


def test_what_is_done_in_pagerduty_shows_on_the_card(browser: Browser, running: Demo) -> None:
    running.ready()
    with visitor(browser, running.url) as page:
        world, card = page.locator("#world"), page.locator("#middle .message").filter(has_text="PagerDuty #").last
        world.get_by_role("button", name="Memory limit").click()
        page.locator("#middle").get_by_text("search").last.wait_for()
        acknowledge = world.locator(".alert:not([hidden])", has_text="search").get_by_role(
            "button", name="Acknowledge in"
        )
        acknowledge.first.click()
        card.get_by_text("acknowledged by").wait_for()
        shot(page, "6-acknowledged-1280-light")
        world.get_by_role("button", name="Heal everything").click()


def test_the_guide_stays_hidden_once_hidden(browser: Browser, running: Demo) -> None:
    running.ready()
    with visitor(browser, running.url) as page:
        page.get_by_role("button", name="Hide the first steps").click()
        assert not page.locator("#guide").is_visible()
        page.reload()
        page.locator("#world").get_by_text("The bot is there.").wait_for()
        assert not page.locator("#guide").is_visible()
        page.get_by_role("button", name="Show the first steps").click()
        assert page.locator("#guide").is_visible()


def test_the_map_is_usable_by_keyboard_and_has_a_table(browser: Browser, running: Demo) -> None:
    running.ready()
    with visitor(browser, running.url) as page:
        world = page.locator("#world")
        box = world.get_by_role("button", name="payments: ")
        box.focus()
        page.keyboard.press("Enter")
        world.get_by_role("img", name="Latency in the last four minutes").wait_for()
        assert box.get_attribute("aria-pressed") == "true"
        world.get_by_text("As a table").click()
        assert world.get_by_role("row").count() == 9


def test_a_busy_port_is_one_sentence_before_anything_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        command = [sys.executable, "-m", "bot.cli", "demo", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"sre-bot: Port {port} is taken")
    assert f"sre-bot demo --port {port + 1}" in done.stderr
    assert done.stderr.count("\n") == 1


MOMENTS: dict[str, Callable[[Demo], Any]] = {
    "its temporary folder is there": lambda found: list(found.folder.glob("sre-bot-demo-*")),
    "its Redis starts": lambda found: any("redis" in line for line in found.processes().values()),
    "its memory starts": lambda found: any("memory" in line for line in found.processes().values()),
    "its workers start": lambda found: any("worker" in line for line in found.processes().values()),
    "it is ready": lambda found: "Ready after" in found.said,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_leaves_no_process_and_no_file(moment: str) -> None:
    with demo(free_port()) as found:
        found.until(lambda: MOMENTS[moment](found))
        assert found.tell(signal.SIGINT) == 0
        assert found.processes() == {}
        assert list(found.folder.glob("sre-bot-demo-*")) == []
        assert "Stopped; nothing is left running." in found.said
        assert "Traceback" not in found.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_end_by_signal_or_closed_terminal_leaves_no_process(number: signal.Signals) -> None:
    with demo(free_port()) as found:
        found.ready()
        assert found.tell(number) == 0
        assert found.processes() == {}


@pytest.mark.parametrize("moment", ["its workers start", "it is ready"])
def test_a_killed_demo_takes_its_processes_along(moment: str) -> None:
    with demo(free_port()) as found:
        found.until(lambda: MOMENTS[moment](found))
        found.process.kill()
        found.process.wait(5)
        deadline = time.monotonic() + 20
        # A memory that had not begun to listen cannot be told; it ends a minute later, when nobody has come.
        while left := [line for line in found.processes().values() if "memory" not in line or moment == "it is ready"]:
            assert time.monotonic() < deadline, left
            time.sleep(0.05)


def test_a_closed_terminal_that_tells_nobody_leaves_no_process() -> None:
    ours, theirs = os.openpty()
    with demo(free_port(), terminal=theirs) as found:
        os.close(theirs)
        found.until(lambda: MOMENTS["its workers start"](found))
        os.close(ours)
        assert found.process.wait(30) == 0
        assert found.processes() == {}


def test_a_second_ctrl_c_does_not_break_the_end_off() -> None:
    with demo(free_port()) as found:
        found.ready()
        found.process.send_signal(signal.SIGINT)
        assert found.tell(signal.SIGINT) == 0
        assert found.processes() == {}


def test_with_a_key_claude_reasons_in_the_same_world() -> None:
    conclusion = {
        "known": True, "confidence": 0.9, "ruled_out": [], "look_next": [], "actions": [],
        "runbook": "crash-loop-after-rollout",
        "root_cause": {"condition": "CrashLoopBackOff", "target": "Deployment/checkout", "namespace": "shop",
                       "statement": "Its parser dislikes the port."},
        "claims": [{"text": "Its pods end as soon as they start.", "evidence": ["e1"]}],
    }  # fmt: skip
    with ScriptedClaude(lambda body: Turn(calls=[("conclude", conclusion)])) as claude, demo(
        free_port(), "--scenario", "bad-deploy", ANTHROPIC_API_KEY="sk-ant-of-the-tests", ANTHROPIC_BASE_URL=claude.url
    ) as found:  # fmt: skip
        found.ready()
        assert "Claude (claude-sonnet-5-5) reasons over the evidence" in found.said
        heard(found, b"Its parser dislikes the port")
        assert claude.served


def heard(found: Demo, part: bytes) -> bytes:
    """The first line of the page's stream that holds this."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    lines = []
    with urllib.request.urlopen(f"{found.url}/page/events", timeout=PATIENCE_MS / 1000) as stream:
        for line in stream:
            if part in line:
                return bytes(line)
            lines += [line] if b"message_" in line else []
            if time.monotonic() > deadline:
                break
    raise AssertionError(b"".join(lines).decode())


def test_a_cluster_of_ones_own_is_read_and_never_written(kubeconfig: Path, lab: Lab) -> None:
    with lab.namespace("demo") as namespace, demo(
        free_port(), "--cluster", "current", KUBECONFIG=str(kubeconfig)
    ) as found:  # fmt: skip
        lab.apply(namespace, workload("catalog", "imagepull"))
        found.ready()
        with urllib.request.urlopen(f"{found.url}/page/world", timeout=10) as answer:
            world = json.load(answer)
        assert world["kind"] == "cluster"
        assert "It only reads" in world["sentence"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(found, "world/inject", fault="bad-deploy")
        assert refused.value.code == 404
        refused.value.close()
        ask(found, "act", do="command", channel="C0SRE", command="/sre",
            text=f"explain deployment/catalog in namespace {namespace}", **{"as": "U0MARIA"})  # fmt: skip
        said = heard(found, b'"text":"Cause: ')
        assert b"ImagePullBackOff" in said
        assert b"Deployment/catalog" in said
        seen = [(Path("/proc") / str(pid) / "environ").read_bytes() for pid in found.processes()]
        assert not any(b"SRE_KUBE_WRITE_CONTEXT" in environment for environment in seen)


def ask(found: Demo, path: str, **body: str) -> None:
    """What the page posts."""
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{found.url}/page/{path}", json.dumps(body).encode(), kind)
    urllib.request.urlopen(request, timeout=10).close()


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bot.cli", "demo", "--cluster", "current", "--port", str(free_port())]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "absent")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (2, 3)
    assert "absent" in done.stderr
    assert done.stderr.count("\n") == 1
