"""With OPA_URL the same files decide the same, over HTTP; and an OPA that cannot decide says no."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import ConfigError, Unreachable
from core.settings import Approvers, Config, Settings
from policies.decide import Policy, load
from policies.engine import RegoEngine
from policies.files import load_rules
from policies.opa import OpaEngine
from tests.unit.policies.cases import RULES, examples, good_approval, safe_action, safe_facts
from tests.unit.policies.opa_server import OpaServer

ENTITLED = Approvers(groups=("S0ONCALL",), users=("U0LEAD",), on_call=True, four_eyes=("drain_node",))


@pytest.fixture
def server() -> Iterator[OpaServer]:
    running = OpaServer()
    yield running
    running.close()


def through(url: str, approvers: Approvers = ENTITLED, timeout_s: float = 10.0) -> tuple[Policy, OpaEngine]:
    rules = load_rules(approvers)
    engine = OpaEngine(url, rules, timeout_s)
    return Policy(rules, engine), engine


def codes(held: Policy) -> tuple[str, ...]:
    decision = held.decide(safe_action(), safe_facts())
    assert (decision.verdict == "allow") == (decision.codes == ())
    return decision.codes


def test_opa_decides_as_this_process_does(server: OpaServer) -> None:
    held, _ = through(server.url)
    here = Policy(load_rules(ENTITLED), RegoEngine(load_rules(ENTITLED)))
    cases = [case for rule in RULES for case in examples(rule) if not case.limits and not case.approvers]
    some = cases[::5]
    assert len(some) > 30
    for case in some:
        assert held.decide(case.action, case.facts) == here.decide(case.action, case.facts)


def test_a_policy_set_that_opa_lost_is_published_again(server: OpaServer) -> None:
    held, _ = through(server.url)
    assert codes(held) == ()
    server.restart()
    assert codes(held) == ()
    assert server.data["policy_hash"] == held.hash


def test_what_is_code_counts_with_opa_too(server: OpaServer) -> None:
    held, _ = through(server.url)
    facts = {**safe_facts(), "service_tags": ["payments"]}
    assert held.decide(safe_action(), facts).codes == ("person.payments",)
    assert held.decide({**safe_action(), "name": "sre-bot"}, {**facts, "approval": good_approval()}).verdict == "deny"


def test_publishing_leaves_no_module_of_an_older_set(server: OpaServer) -> None:
    _, engine = through(server.url)
    old = "package sre.rules.old\n\nimport rego.v1\n"
    server.modules["sre-bot/rules/old/old.rego"] = old
    server.modules["somebody/elses.rego"] = "package other\n"
    engine.publish()
    assert "sre-bot/rules/old/old.rego" not in server.modules
    assert "somebody/elses.rego" in server.modules
    assert {
        f"sre-bot/{path}": source for path, source in load_rules(ENTITLED).modules
    }.items() <= server.modules.items()


def test_the_hash_is_withdrawn_first_and_published_last(server: OpaServer) -> None:
    _, engine = through(server.url)
    engine.publish()
    writes = [line for line in server.requests if not line.startswith("GET")]
    assert writes[0] == writes[-1] == "PUT /v1/data/policy_hash"
    assert writes.count("PUT /v1/data/policy_hash") == 2


def test_a_set_half_published_decides_nothing(server: OpaServer) -> None:
    held, engine = through(server.url)
    engine.publish()
    server.answers[("PUT", "/v1/policies/sre-bot/rules/paused")] = (500, b"{}")
    with pytest.raises(Unreachable):
        engine.publish()
    assert codes(held) == ("policy.different_set",)


def test_another_policy_set_is_refused_and_left_alone(server: OpaServer) -> None:
    _, theirs = through(server.url, Approvers(users=("U0OTHER",)))
    theirs.publish()
    held, _ = through(server.url)
    assert codes(held) == ("policy.different_set",)
    assert server.data["approvers"]["users"] == ["U0OTHER"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"not JSON"),
        (200, b"[]"),
        (200, b'{"result": true}'),
        (200, b'{"result": {"allow": true}}'),
        (200, b'{"result": {"deny": [], "ask": [], "approved": true}}'),
        (200, b"[" * 100_000),
        (200, b'{"result": "' + b"x" * 2_000_000 + b'"}'),
        (302, b""),
        (401, b'{"code": "unauthorized"}'),
        (404, b"{}"),
        (500, b'{"code": "internal_error"}'),
        (503, b"<html>"),
    ],
    ids=range(13),
)
def test_an_answer_that_is_no_decision_denies(server: OpaServer, status: int, body: bytes) -> None:
    held, _ = through(server.url)
    server.answers[("POST", "/v1/data/sre/decision")] = (status, body)
    decision = held.decide(safe_action(), safe_facts())
    assert (decision.verdict, decision.codes) == ("deny", ("policy.unavailable",))


def test_an_answer_of_the_right_form_is_believed_only_with_the_right_hash(server: OpaServer) -> None:
    held, _ = through(server.url)
    answer = {"deny": [], "ask": [], "approved": False, "policy_hash": held.hash}
    server.answers[("POST", "/v1/data/sre/decision")] = (200, json.dumps({"result": answer}).encode())
    assert codes(held) == ()
    answer["policy_hash"] = held.hash[:-1]
    server.answers[("POST", "/v1/data/sre/decision")] = (200, json.dumps({"result": answer}).encode())
    assert codes(held) == ("policy.different_set",)


def test_an_opa_that_does_not_answer_in_time_denies(server: OpaServer) -> None:
    held, _ = through(server.url, timeout_s=0.05)
    with server.stalled:
        assert codes(held) == ("policy.unavailable",)


def test_an_opa_that_is_not_there_denies() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert codes(through(url)[0]) == ("policy.unavailable",)


@pytest.mark.parametrize("url", ["", "opa", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_a_url_that_is_none_denies(url: str) -> None:
    assert codes(through(url)[0]) == ("policy.unavailable",)


def test_a_module_that_opa_does_not_compile_is_named(server: OpaServer) -> None:
    _, engine = through(server.url)
    where = {"file": "sre-bot/rules/mode/mode.rego", "row": 12, "col": 1}
    refusal = {"code": "invalid_parameter", "errors": [{"message": "var x is unsafe", "location": where}]}
    server.answers[("PUT", "/v1/policies/sre-bot/rules/mode")] = (400, json.dumps(refusal).encode())
    with pytest.raises(ConfigError) as stopped:
        engine.publish()
    assert str(stopped.value) == "policies/rules/mode/mode.rego:12 does not compile in OPA: var x is unsafe."


def test_a_process_that_acts_replaces_the_set_that_opa_holds(server: OpaServer, tmp_path: Path) -> None:
    through(server.url, Approvers(users=("U0OLD",)))[1].publish()
    settings = Settings(data_dir=tmp_path, opa_url=server.url, config=Config(approvers=ENTITLED))
    assert codes(load(settings)) == ("policy.different_set",)
    assert codes(load(settings, publish=True)) == ()


def test_a_process_starts_while_opa_is_away_and_denies_until_it_answers(server: OpaServer, tmp_path: Path) -> None:
    server.answers[("GET", "/v1/policies")] = (503, b"")
    settings = Settings(data_dir=tmp_path, opa_url=server.url, config=Config(approvers=ENTITLED))
    held = load(settings, publish=True)
    assert codes(held) == ("policy.unavailable",)
    del server.answers[("GET", "/v1/policies")]
    assert codes(held) == ()
