"""A wrong setting is one sentence that names it; secrets do not print."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import load_settings

GOOD = """
clusters:
  prod-eu: {read_context: prod-eu-reader, write_context: prod-eu-operator, prometheus: "http://p:9090"}
services:
  payments: {cluster: prod-eu, namespace: shop}
  checkout: {cluster: prod-eu, namespace: shop, workloads: [Deployment/checkout], channel: C0123, pagerduty: PABC123,
             depends_on: [payments], state: none, tags: [tier1], owners: [S0SHOP]}
channels: {fallback: C0SRE, digests: {C0SRE: {at: "09:00", days: mon-fri, timezone: Europe/Berlin}}}
approvers: {groups: [S0ONCALL], users: [], on_call: true, four_eyes: [drain_node, rollback_release]}
autonomy: {mode: assist, alert_types: [KubePodCrashLooping], namespaces: [shop]}
"""


def _load(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    load_settings({"SRE_CONFIG": str(path), "SRE_DATA_DIR": str(tmp_path)})


def test_the_documented_file_loads(tmp_path: Path) -> None:
    _load(tmp_path, GOOD)


def test_nothing_set_is_a_start_in_shadow_mode() -> None:
    settings = load_settings({"HOME": "/home/x", "SLACK_BOT_TOKEN": ""})
    assert settings.config.autonomy.mode == "shadow"
    assert settings.slack_bot_token is None
    assert settings.data_dir == Path("/home/x/.local/share/sre-bot")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("services: {a: {colour: red}}", "services.a.colour is not a known key"),
        ("serivces: {}", "serivces is not a known key"),
        ("services: {a: {depends_on: [b]}}", "services.a.depends_on names 'b'"),
        ("services: {a: {cluster: moon}}", "services.a.cluster is 'moon'"),
        ("services: {a: {workloads: [checkout]}}", "as Kind/name"),
        ("services: [", "is not valid YAML at line"),
        ("autonomy: {mode: reckless}", "autonomy.mode is wrong"),
        ('channels: {digests: {C1: {at: "9 o\'clock"}}}', "channels.digests.C1.at is wrong"),
        (
            "channels: {digests: {C1: {days: mon-frei}}}",
            "'mon-frei' are no weekdays; write them as mon-fri, mon,wed,fri",
        ),
        ("channels: {digests: {C1: {timezone: Berlin}}}", "'Berlin' is no time zone; write it as Europe/Berlin"),
        ("channels: {digests: {C1: {services: [moon]}}}", "channels.digests.C1.services names 'moon'"),
        ("just words", "is wrong"),
        ("grouping: {rules: {same_node: {within_s: 0}}}", "grouping.rules.same_node.within_s is wrong"),
        ("grouping: {rules: {same_nod: {}}}", "grouping.rules.same_nod is not a known key"),
        ("grouping: {labels: {tenant: {labels: []}}}", "grouping.labels.tenant.labels is wrong"),
        (
            "grouping: {labels: {One: {labels: [a]}}}",
            "grouping.labels.One is wrong: a rule is named with small letters",
        ),
        ("grouping: {labels: {storm: {labels: [a]}}}", "grouping.labels.storm is wrong: 'storm' is built in"),
        ("maintenance: [{cluster: x, from: noon, to: 2026-01-01}]", "maintenance.0.from is wrong: 'noon' is no time"),
    ],
)
def test_a_wrong_file_names_the_key(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, content)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"SRE_CONFIG names .*absent.yaml, which cannot be read"):
        load_settings({"SRE_CONFIG": str(tmp_path / "absent.yaml")})


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^PORT is not usable"):
        load_settings({"PORT": "eighty", "HOME": "/x"})


def test_secrets_do_not_print() -> None:
    settings = load_settings({"HOME": "/x", "SLACK_BOT_TOKEN": "xoxb-very-secret", "ANTHROPIC_API_KEY": "sk-ant-x"})
    assert "very-secret" not in repr(settings)
    assert set(settings.secrets()) == {"xoxb-very-secret", "sk-ant-x"}
