"""A disposable Kubernetes cluster for the live tests, and programs they need; a test that lacks one says which."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.live.lab import Lab
from tests.live.page_desk import Desk, chromium, desk

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
LAUNCHER = Path("../shared/cluster/cluster.py")  # from the repository's root, where there is one
START_S = 120


def absent_so(reason: str) -> NoReturn:
    """Skip; but where SRE_LIVE_REQUIRED says that all is there, fail."""
    if os.environ.get("SRE_LIVE_REQUIRED"):
        pytest.fail(reason)
    pytest.skip(reason)


def _assets() -> Path:
    return Path(os.environ.get("KUBEBUILDER_ASSETS") or Path.home() / ".cache/kube-assets")


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of the cluster in SRE_LIVE_KUBECONFIG, else of one that the launcher starts and that ends with the tests."""
    given = os.environ.get("SRE_LIVE_KUBECONFIG")
    if given:
        yield Path(given).resolve()
        return
    launcher = Path(os.environ.get("SRE_LIVE_LAUNCHER") or ROOT / LAUNCHER).resolve()
    if not launcher.is_file():
        absent_so("there is no cluster to test on: set SRE_LIVE_KUBECONFIG to the kubeconfig of a disposable one")
    if not (_assets() / "kube-apiserver").is_file():
        absent_so(f"{_assets()} has no kube-apiserver: build it as {launcher.parent} says, or set SRE_LIVE_KUBECONFIG")
    folder = tmp_path_factory.mktemp("cluster")
    with (folder / "launcher.log").open("w") as log:
        command = [sys.executable, str(launcher), "up", str(folder / "state")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert child.stdout
            path = child.stdout.readline().strip()
            assert path, f"the launcher ended: {(folder / 'launcher.log').read_text()[-2000:]}"
            yield Path(path).resolve()
        finally:
            child.terminate()
            child.wait(60)
            if child.stdout:
                child.stdout.close()


@pytest.fixture(scope="session")
def lab(kubeconfig: Path) -> Lab:
    """The cluster, with rights to change it."""
    return Lab(kubeconfig)


@pytest.fixture(scope="session")
def programs() -> None:
    """Prometheus and Alertmanager as programs."""
    absent = [name for name in ("prometheus", "prometheus-alertmanager") if not shutil.which(name)]
    if absent:
        absent_so(f"{' and '.join(absent)} not installed: apt-get install {' '.join(absent)}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    program = chromium()
    if program is None:
        absent_so("there is no Chromium: apt-get install chromium, or name the program in SRE_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def at(browser: Browser) -> Iterator[Desk]:
    """A person at the browser, before a workspace as new; what the console complains of fails the test."""
    with desk(browser) as made:
        yield made
        assert made.complaints == []
