"""What the doctor says of who may approve, and of what the operator may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.settings import Approvers, Autonomy, Config, Service, Settings, load_settings
from sandbox.company import Company, running
from sandbox.kubernetes import access
from sandbox.pagerduty.server import running as pagerduty_running
from sandbox.slack import App, SlackServer, run_in_thread
from sandbox.slack.app import EVERY_SCOPE
from sandbox.slack.model import Group
from sandbox.slack.state import MARIA, ON_CALL
from workers.checkup import Check, _approvers, _operator, _pagerduty


def said(checks: Iterator[Check]) -> list[tuple[str, str, str]]:
    return [(check.name, check.state, check.says) for check in checks]


def settings_with(tmp_path: Path, **config: Any) -> Settings:
    return Settings(data_dir=tmp_path, config=Config(**config))


def test_with_nobody_configured_nothing_can_be_approved(tmp_path: Path) -> None:
    assert said(_approvers(settings_with(tmp_path))) == [
        ("approvers", "warn", "nobody is configured (approvers in SRE_CONFIG), so nothing can be approved.")
    ]


def test_on_call_without_pagerduty_entitles_nobody(tmp_path: Path) -> None:
    found = said(_approvers(settings_with(tmp_path, approvers=Approvers(on_call=True))))
    assert [(name, state) for name, state, _ in found] == [("approvers", "ok"), ("approvers on call", "fail")]
    assert found[1][2].startswith("on_call entitles nobody")


@pytest.fixture
def paged(tmp_path: Path) -> Iterator[tuple[Settings, SlackServer]]:
    """Settings with a Slack and a PagerDuty, and that Slack."""
    with pagerduty_running() as pagerduty, run_in_thread(SlackServer()) as slack:
        services = {"checkout": Service(pagerduty=pagerduty.account.service("checkout").id)}
        config = Config(services=services, approvers=Approvers(on_call=True))
        server = slack.server
        found = load_settings({**pagerduty.environment(), "SRE_DATA_DIR": str(tmp_path)})
        token = SecretStr(server.bot_token)
        yield found.model_copy(update={"config": config, "slack_bot_token": token, "slack_api_url": server.url}), server


def test_who_is_on_call_is_named(paged: tuple[Settings, SlackServer]) -> None:
    settings, _ = paged
    found = said(_approvers(settings))
    assert found[-1][:2] == ("approvers on call", "ok")
    assert found[-1][2].startswith("now ")
    assert [state for _, state, _ in said(_pagerduty(settings))] == ["ok", "ok"]


def test_who_is_on_call_and_unknown_in_slack_is_named(paged: tuple[Settings, SlackServer]) -> None:
    settings, server = paged
    server.workspace.users.clear()
    found = said(_approvers(settings))[-1]
    assert found[1] == "warn"
    assert "cannot be found in Slack by the e-mail address" in found[2]


def test_what_is_wrong_with_pagerduty_is_named(paged: tuple[Settings, SlackServer]) -> None:
    settings, _ = paged
    wrong = settings.model_copy(
        update={"config": Config(services={"checkout": Service(pagerduty="PGONE")}), "pagerduty_from": "x@example.com",
                "pagerduty_webhook_secret": None}
    )  # fmt: skip
    assert [(state, says) for _, state, says in said(_pagerduty(wrong))][1:] == [
        ("fail", "knows no user x@example.com; correct PAGERDUTY_FROM."),
        ("fail", "has no service PGONE; correct services.checkout.pagerduty."),
        ("warn", "refuses every event until PAGERDUTY_WEBHOOK_SECRET is set, so what happens in PagerDuty is not seen "
                 "here (docs/pagerduty.md)."),
    ]  # fmt: skip


def test_each_approver_group_is_looked_up(tmp_path: Path) -> None:
    server = SlackServer()
    server.workspace.groups["S0EMPTY"] = Group("S0EMPTY", "empty", "Nobody", ())
    groups = (ON_CALL, "S0EMPTY", "S0GONE")
    with run_in_thread(server):
        slack = {"slack_bot_token": SecretStr(server.bot_token), "slack_api_url": server.url}
        settings = settings_with(tmp_path, approvers=Approvers(groups=groups)).model_copy(update=slack)
        found = said(_approvers(settings))
    assert [(name, state) for name, state, _ in found] == [
        ("approvers", "ok"), (f"approvers {ON_CALL}", "ok"), ("approvers S0EMPTY", "warn"),
        ("approvers S0GONE", "fail"),
    ]  # fmt: skip
    assert found[1][2] == "2 members"
    assert found[3][2] == "is no user group of this workspace; correct approvers.groups in SRE_CONFIG."


def test_a_missing_scope_says_how_to_mend_it(tmp_path: Path) -> None:
    server = SlackServer(app=App(scopes=EVERY_SCOPE - {"usergroups:read"}))
    with run_in_thread(server):
        slack = {"slack_bot_token": SecretStr(server.bot_token), "slack_api_url": server.url}
        settings = settings_with(tmp_path, approvers=Approvers(groups=(ON_CALL,), users=(MARIA,)))
        (_, (_, state, says)) = said(_approvers(settings.model_copy(update=slack)))
    assert state == "fail"
    assert says.startswith("cannot be read; add the optional scope usergroups:read")


def test_without_a_write_context_the_bot_can_only_propose(tmp_path: Path) -> None:
    ((_, state, says),) = said(_operator(settings_with(tmp_path)))
    assert state == "warn"
    assert says.endswith("so the bot can only propose.")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with running(tmp_path_factory.mktemp("company")) as company:
        yield company


def configured(company: Company, tmp_path: Path, *namespaces: str) -> Settings:
    settings = load_settings(company.environment() | {"SRE_DATA_DIR": str(tmp_path)})
    autonomy = Autonomy(namespaces=namespaces)
    return settings.model_copy(update={"config": settings.config.model_copy(update={"autonomy": autonomy})})


def test_an_operator_with_what_it_needs_and_no_more_is_fine(company: Company, tmp_path: Path) -> None:
    ((_, state, says),) = said(_operator(configured(company, tmp_path, "shop")))
    assert state == "ok"
    assert says.endswith("it may act in shop")


def test_an_operator_that_may_too_much_or_too_little_is_told(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "allowed", lambda _user, ask: ask.resource != "deployments")
    _, excess, powerless = said(_operator(configured(company, tmp_path, "shop")))
    assert excess[1] == "warn"
    assert excess[2].startswith("may also get secrets, list secrets, delete namespaces, create pods/exec, create roleb")
    assert powerless[2] == "may not patch deployments in shop; deploy/rbac/operator.yaml has the role."


def test_excess_in_one_namespace_alone_is_seen(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = access.allowed
    monkeypatch.setattr(
        access, "allowed", lambda user, ask: known(user, ask) or (ask.resource, ask.namespace) == ("secrets", "shop")
    )
    found = said(_operator(configured(company, tmp_path, "shop")))
    assert [says for _, state, says in found if state == "warn"] == [
        "may also get secrets, list secrets; give it deploy/rbac/operator.yaml and no more."
    ]


def test_a_write_context_that_is_not_there_is_named(company: Company, tmp_path: Path) -> None:
    settings = configured(company, tmp_path).model_copy(update={"kube_write_context": "nowhere"})
    clusters = {
        name: each.model_copy(update={"write_context": None}) for name, each in settings.config.clusters.items()
    }
    settings = settings.model_copy(update={"config": settings.config.model_copy(update={"clusters": clusters})})
    ((_, state, says),) = said(_operator(settings))
    assert state == "fail"
    assert "has no context 'nowhere'" in says
