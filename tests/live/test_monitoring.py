"""A real Prometheus scrapes the web process: the shipped rules load, and every query of the dashboard is answered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import requests
import yaml

from bot.web import Web
from core.facts import IncidentFacts
from core.records import open_records
from core.settings import Settings
from core.tallying import tallies_of
from sandbox.ports import free_port
from tests.conftest import NOON
from tests.live.conftest import absent_so
from tests.live.stack import answers, eventually, process
from tests.unit.deploy.test_monitoring import ALERTS, RULES, queries

pytestmark = pytest.mark.live


@pytest.fixture
def prometheus(tmp_path: Path, redis_data: Path, redis_client: redis.Redis) -> Iterator[str]:
    if not shutil.which("prometheus"):
        absent_so("prometheus is not installed")
    settings = Settings(data_dir=redis_data, port=0)
    records = open_records(settings, redis_client)
    at = (NOON - timedelta(days=1)).timestamp()
    facts = IncidentFacts("INC-1", at, at + 900, at + 600, severity="SEV2", acknowledged=at + 60, ended_by="people")
    records.facts.put(facts, tallies_of(facts))
    with ExitStack() as stack:
        web = Web(records, host="127.0.0.1")
        stack.callback(web.stop)
        web.start()
        scrape = {"job_name": "sre-bot", "static_configs": [{"targets": [f"127.0.0.1:{web.port}"]}]}
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(RULES)],
            "scrape_configs": [scrape],
        }))  # fmt: skip
        port = free_port()
        stack.enter_context(
            process("prometheus", f"--config.file={tmp_path / 'prometheus.yml'}",
                    f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
                    log=tmp_path / "prometheus.log")
        )  # fmt: skip
        eventually(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 30, "Prometheus")
        yield f"http://127.0.0.1:{port}/api/v1"


def _values(api: str, query: str) -> list[str]:
    answer = requests.get(f"{api}/query", params={"query": query}, timeout=10).json()
    assert answer["status"] == "success", (query, answer.get("error"))
    return [sample["value"][1] for sample in answer["data"]["result"]]


def test_it_is_scraped_and_everything_that_is_shipped_is_answered(prometheus: str) -> None:
    eventually(lambda: _values(prometheus, 'up{job="sre-bot"}') == ["1"], 20, "the scrape")
    assert _values(prometheus, "sre_time_to_repair_seconds_sum") == ["0", "600", "0", "0"]
    assert _values(prometheus, 'sre_incidents_ended_total{ended_by="people"}') == ["1"]
    for query in queries():
        _values(prometheus, query)

    def states() -> list[tuple[str, str]]:
        groups = requests.get(f"{prometheus}/rules", timeout=10).json()["data"]["groups"]
        return [(rule["name"], rule["health"]) for group in groups for rule in group["rules"]]

    eventually(lambda: states() == [(rule["alert"], "ok") for rule in ALERTS], 20, "the rules")
