"""Every action on the sandbox's Kubernetes API: what holds on a real control plane holds here."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from core.settings import Settings, load_settings
from sandbox.company import WRITE_CONTEXT, Company, running, wait_until
from tests.contract.actions_contract import ActionsContract
from workers.actions.base import Means
from workers.actions.rollouts import is_complete
from workers.adapters.kubeconfig import load
from workers.adapters.kubernetes import open_as_operator
from workers.adapters.kubernetes_write import open_writer
from workers.triage.objects import is_true

SPEED = 10.0
WITHIN_S = 30.0
NAMES = ("catalog", "storefront", "search", "payments")
Obj = dict[str, Any]


class SandboxStage:
    namespace = "shop"

    def __init__(self, company: Company, settings: Settings) -> None:
        cluster, writer = open_as_operator(settings), open_writer(settings)
        self.means = Means(settings=settings, cluster=cluster, writer=writer, silences=None)
        self.company = company
        self._settings = settings
        self._numbers = itertools.count(1)

    def deployment(self) -> str:
        name = NAMES[next(self._numbers) % len(NAMES)]
        path = f"/apis/apps/v1/namespaces/shop/deployments/{name}"
        self.eventually(lambda: is_complete(self.means.cluster.get(path)), f"{name} is complete")
        return name

    def somebody(self, path: str, body: Obj) -> None:
        self._call("PATCH", path, body, "application/merge-patch+json")

    def node(self) -> str:
        return "node-2"

    def reopen(self, node: str) -> None:
        self.somebody(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": None}})

    def ended_job(self) -> str:
        name = f"sync-{next(self._numbers)}"
        template = self.means.cluster.get("/apis/batch/v1/namespaces/shop/cronjobs/stock-sync")["spec"]["jobTemplate"]
        self._call(
            "POST", "/apis/batch/v1/namespaces/shop/jobs", {"metadata": {"name": name}, "spec": template["spec"]}
        )
        path = f"/apis/batch/v1/namespaces/shop/jobs/{name}"
        self.eventually(lambda: is_true(self.means.cluster.get(path), "Complete"), f"{name} ended")
        return name

    def hook(self, kind: str) -> str:
        body = {"metadata": {"annotations": {"sre-bot.io/hook": kind}}, "spec": {"suspend": True}}
        self.somebody("/apis/batch/v1/namespaces/shop/cronjobs/stock-sync", body)
        return "stock-sync"

    def eventually(self, ask: Callable[[], object], what: str) -> None:
        wait_until(ask, WITHIN_S)

    def _call(self, method: str, path: str, body: Obj, kind: str = "application/json") -> None:
        configuration = load(self._settings.kubeconfig, WRITE_CONTEXT)[1]
        headers = {"Content-Type": kind, "Authorization": configuration.get_api_key_with_prefix("BearerToken")}
        url = f"{configuration.host}{path}"
        answer = requests.request(
            method, url, data=json.dumps(body), headers=headers, verify=configuration.ssl_ca_cert, timeout=5
        )
        assert answer.ok, answer.text


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with running(tmp_path_factory.mktemp("company"), speed=SPEED) as company:
        yield company


@pytest.fixture
def stage(company: Company, tmp_path_factory: pytest.TempPathFactory) -> SandboxStage:
    environment = company.environment() | {"SRE_DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    return SandboxStage(company, load_settings(environment))


class TestSandbox(ActionsContract):
    pass
