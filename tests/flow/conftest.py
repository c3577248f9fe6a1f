"""The real `web` process's servers against a pretend Slack that is as strict as the manifest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
import requests
import yaml
from pydantic import SecretStr
from rq import Queue
from rq.serializers import JSONSerializer

from bot.web import Web
from core.records import Records, open_records
from core.settings import Config, Service, Settings
from sandbox.slack import App, SlackServer, SlackThread, run_in_thread
from tests.conftest import NOON

MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "manifest.yaml").read_text())
CONFIG = Config(services={"checkout": Service(namespace="shop", workloads=("Deployment/checkout",), channel="C0SHOP")})
WEBHOOK_TOKEN = "let-me-in"


class Face(NamedTuple):
    """A running web process, the Slack it talks to, and its records."""

    slack: SlackThread
    web: Web
    records: Records

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    def jobs(self, queue: str = "investigate") -> list[list[Any]]:
        held = Queue(queue, connection=self.records.redis, serializer=JSONSerializer)
        return [[job.func_name.rpartition(".")[2], *job.args] for job in held.jobs]

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=5)

    def alert(self, body: Any, token: str | None = WEBHOOK_TOKEN) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(f"{self.url}/webhooks/alertmanager", data=data, headers=headers, timeout=5)

    def metric(self, name: str) -> float:
        """The value of the sample that begins with this name and labels."""
        lines = self.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


Starter = Callable[..., Face]


@pytest.fixture
def start(redis_data: Path, redis_client: redis.Redis) -> Iterator[Starter]:
    """Starts a web process: `start("socket")`, `start("http")`, or `start("none")` without Slack."""
    with ExitStack() as stack:

        def run(mode: str, **over: Any) -> Face:
            server = SlackServer(app=App.from_manifest(MANIFEST))
            slack = stack.enter_context(run_in_thread(server))
            tokens = {
                "socket": {"slack_bot_token": server.bot_token, "slack_app_token": server.app_token},
                "http": {"slack_bot_token": server.bot_token, "slack_signing_secret": server.signing_secret},
                "none": {},
            }[mode]
            values: dict[str, Any] = {
                "data_dir": redis_data, "config": CONFIG, "port": 0, "channel": "C0SRE", "slack_api_url": server.url,
                "alertmanager_webhook_token": SecretStr(WEBHOOK_TOKEN),
            }  # fmt: skip
            records_in = over.pop("client", redis_client)
            settings = Settings.model_validate(values | tokens | over)
            records = open_records(settings, records_in, now=lambda: NOON)
            web = Web(records, host="127.0.0.1")
            stack.callback(web.stop)
            web.start()
            if mode == "http":
                server.request_url = f"http://127.0.0.1:{web.port}/slack/events"
            if mode == "socket":
                slack.wait_for(lambda: server.connections == 2 and web._connected() == 2)
            return Face(slack, web, records)

        yield run


@pytest.fixture(params=["socket", "http"])
def face(request: pytest.FixtureRequest, start: Starter) -> Face:
    """A web process by each of the two ways that Slack has."""
    return start(request.param)
