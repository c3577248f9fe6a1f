"""The dashboard and the alert rules that are shipped: every query is one, and every figure in them exists."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from bot.metrics import Metrics
from core.records import Records

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy/prometheus/sre-bot-rules.yml"
DASHBOARD = json.loads((ROOT / "deploy/grafana/sre-bot.json").read_text())
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's prometheus has promtool")


def queries() -> Iterator[str]:
    """Every query, with Grafana's variables as it fills them in."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m").replace("$service", "checkout")
    yield from (rule["expr"] for rule in ALERTS)


@pytest.fixture
def exposed(records: Records) -> set[str]:
    """The names that a scrape of a new install has."""
    text = Metrics(records, lambda: 2).exposition().decode()
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        names |= {f"{name}{end}" for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    return names


def test_every_query_is_one_of_figures_that_exist(exposed: set[str]) -> None:
    asked = set()
    for query in queries():
        promql_parser.parse(query)
        asked |= set(re.findall(r"\bsre_\w+", query))
    assert asked - exposed == set()
    variables = json.dumps(DASHBOARD["templating"])
    assert set(re.findall(r"\bsre_\w+", variables)) <= exposed


def test_every_label_that_is_asked_for_is_one_of_its_figure(exposed: set[str]) -> None:
    from core.tallies import FAMILIES

    known = {f"{name}{end}": {*family.labels, "le", "instance"} for name, family in FAMILIES.items()
             for end in ("", "_total", "_bucket")}  # fmt: skip
    for query in queries():
        for name, matchers in re.findall(r"\b(sre_\w+)\{([^}]*)\}", query):
            if name in known:
                assert set(re.findall(r"(\w+)\s*=~?", matchers)) <= known[name], query


def test_the_dashboard_is_laid_out_without_gaps_in_its_numbers() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert ids == list(range(1, len(ids) + 1))
    for one, other in itertools.combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        apart = (
            one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        )  # fmt: skip
        assert apart, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_the_data_source_is_a_variable_everywhere() -> None:
    def sources(part: Any) -> Iterator[Any]:
        if isinstance(part, dict):
            yield from (part["datasource"],) if "datasource" in part else ()
            for value in part.values():
                yield from sources(value)
        elif isinstance(part, list):
            for item in part:
                yield from sources(item)

    wanted = {"type": "prometheus", "uid": "${datasource}"}
    assert [source for source in sources(DASHBOARD) if source != wanted] == []
    (variable,) = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "datasource"]
    assert (variable["name"], variable["query"]) == ("datasource", "prometheus")


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_every_alert_says_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    notes = rule["annotations"]
    assert notes["summary"]
    assert notes["description"]
    page, _, anchor = notes["runbook_url"].partition("#")
    assert anchor == rule["alert"].lower()
    told = (ROOT / page).read_text()
    (section,) = re.findall(rf"^### {rule['alert']}\n\n(.+?)(?=\n#|\Z)", told, re.MULTILINE | re.DOTALL)
    assert len(section) > 80


@needs_promtool
def test_prometheus_takes_the_rules_and_they_fire_when_they_should(tmp_path: Path) -> None:
    tests = tmp_path / "rules.test.yml"
    held = (Path(__file__).parent / "sre-bot-rules.test.yml").read_text()
    tests.write_text(held.replace("RULES", str(RULES)))
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(tests)],
                    ["check", "config", "--syntax-only", str(ROOT / "deploy/prometheus.yml")]):  # fmt: skip
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
