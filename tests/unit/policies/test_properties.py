"""What must hold of every input, not only of the cases somebody thought of."""

from __future__ import annotations

import copy
import json
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue import MAX_SILENCE_MINUTES
from core.diagnosis import ActionKind
from tests.unit.policies.cases import good_approval, policy, safe_action, safe_facts

RANK = {"allow": 0, "ask": 1, "deny": 2}
RUNS = settings(max_examples=100, deadline=None)

scalars = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
    | st.sampled_from(["autonomous", "shadow", "production", "true", "0", "1", "U0LEAD", "S0ONCALL"])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)

# Facts in their right types, risky or not.
facts_given = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["autonomous", "autonomous", "assist", "assist", "shadow"]),
        "alert_type": st.sampled_from(["KubePodCrashLooping", "manual"]),
        "alert_type_enabled": st.booleans(),
        "confidence": st.floats(0, 1),
        "similarity": st.floats(0, 1),
        "blast_radius": st.fixed_dictionaries({"pods": st.integers(0, 12), "services": st.integers(0, 4)}),
        "actions_taken": st.integers(0, 6),
        "deploy_age_minutes": st.floats(0, 90),
        "environment": st.sampled_from(["production", "staging"]),
        "stateful": st.booleans(),
        "downstream_stateful": st.booleans(),
        "in_freeze": st.booleans(),
        "paused": st.booleans(),
        "namespace_allowed": st.booleans(),
        "service_tags": st.lists(st.sampled_from(["tier1", "payments", "db", "auth"]), max_size=2),
        "evidence_coverage": st.floats(0, 1),
        "approval": st.none()
        | st.builds(good_approval)
        | st.fixed_dictionaries(
            {
                "by": st.sampled_from(["U0LEAD", "U0JONAS"]),
                "groups": st.lists(st.sampled_from(["S0ONCALL", "S0SHOP"]), max_size=2),
                "on_call": st.booleans(),
                "requested_by": st.sampled_from(["bot", "U0LEAD"]),
                "age_s": st.floats(0, 2000),
                "digest_matches": st.booleans(),
            }
        ),
    }
)
MILD = {
    "confidence": 1.0, "similarity": 1.0, "blast_radius": {"pods": 1, "services": 1}, "actions_taken": 0,
    "deploy_age_minutes": 1.0, "stateful": False, "downstream_stateful": False, "in_freeze": False, "paused": False,
    "namespace_allowed": True, "evidence_coverage": 1.0, "alert_type_enabled": True, "service_tags": [],
}  # fmt: skip
# Mostly mild, so that verdicts of all three kinds come up.
mixed_facts = st.builds(
    lambda given, mild: {**given, **{key: copy.deepcopy(MILD[key]) for key in mild}},
    facts_given, st.sets(st.sampled_from(sorted(MILD)), min_size=len(MILD) - 2),
)  # fmt: skip
PARAMS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "scale_deployment": st.fixed_dictionaries({"replicas": st.integers(0, 20)}),
    "rollback_deployment": st.fixed_dictionaries({}, optional={"revision": st.integers(1, 99)}),
    "rollback_release": st.fixed_dictionaries({}, optional={"revision": st.integers(1, 99)}),
    "silence_alert": st.fixed_dictionaries(
        {
            "matchers": st.just(["alertname=A", "namespace=shop"]),
            "duration_minutes": st.integers(1, MAX_SILENCE_MINUTES),
        }
    ),
    "rotate_credentials": st.just({"template": "rotate"}),
    "shift_traffic": st.just({"template": "shift", "to": "eu-west-2"}),
    "set_resources": st.just({"container": "app", "memory_limit": "1Gi"}),
}


@st.composite
def actions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(get_args(ActionKind)))
    params = draw(PARAMS.get(kind, st.just({})))
    name = "shop" if kind == "delete_namespace" else "checkout"
    return {"kind": kind, "namespace": "" if kind.endswith("_node") else "shop", "name": name, "params": params}


def verdict(action: Any, facts: Any) -> str:
    return policy().decide(action, facts).verdict


def paths(facts: dict[str, Any]) -> list[tuple[str, ...]]:
    """The place of every fact, of those inside others too."""
    inner = [(key, each) for key, value in facts.items() if isinstance(value, dict) for each in value]
    return [(key,) for key in facts] + inner


@RUNS
@given(actions(), mixed_facts, st.data())
def test_without_one_of_its_facts_nothing_is_allowed(
    action: dict[str, Any], facts: dict[str, Any], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(paths(facts)))
    held = facts if len(path) == 1 else facts[path[0]]
    del held[path[-1]]
    assert verdict(action, facts) == "deny"


@RUNS
@given(actions(), mixed_facts, values, st.data())
def test_a_fact_of_another_type_never_allows(
    action: dict[str, Any], facts: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(paths(facts)))
    held = facts if len(path) == 1 else facts[path[0]]
    right = held[path[-1]]
    kinds = {bool: "bool", int: "number", float: "number", str: "text", type(None): "null", list: "list", dict: "dict"}
    nobody = path == ("approval",) and value is None
    if kinds[type(value)] == kinds[type(right)] or nobody:
        return
    held[path[-1]] = value
    if path == ("approval",):
        facts["mode"] = "autonomous"  # where null would have done
    assert verdict(action, facts) == "deny"


@RUNS
@given(values, values)
def test_nothing_made_up_is_allowed(action: Any, facts: Any) -> None:
    assert verdict(action, facts) == "deny"
    assert verdict(safe_action(), facts) == "deny"
    assert verdict(action, safe_facts()) == "deny"


@RUNS
@given(st.text(max_size=30))
def test_a_kind_outside_the_catalogue_is_denied(kind: str) -> None:
    facts = {**safe_facts(), "approval": good_approval()}
    if kind not in get_args(ActionKind):
        assert verdict({**safe_action(), "kind": kind}, facts) == "deny"


@RUNS
@given(actions(), mixed_facts, st.dictionaries(st.text(min_size=1, max_size=10), scalars, min_size=1, max_size=2))
def test_a_param_or_a_fact_that_nobody_knows_is_denied(
    action: dict[str, Any], facts: dict[str, Any], more: dict[str, Any]
) -> None:
    known = {
        "replicas",
        "revision",
        "matchers",
        "duration_minutes",
        "template",
        "to",
        "container",
        "memory_limit",
        "cpu_limit",
    }
    more = {key: value for key, value in more.items() if key not in known | facts.keys()}
    if more:
        assert verdict({**action, "params": {**action["params"], **more}}, facts) == "deny"
        assert verdict(action, {**facts, **more}) == "deny"


def riskier(facts: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """The facts with one of them moved towards risk."""
    worse = copy.deepcopy(facts)
    name = data.draw(st.sampled_from(sorted(set(facts) - {"alert_type", "approval", "environment"})))
    value = worse[name]
    if name == "mode":
        order = ["autonomous", "assist", "shadow"]
        worse[name] = data.draw(st.sampled_from(order[order.index(value) :]))
    elif name in {"confidence", "similarity", "evidence_coverage"}:
        worse[name] = data.draw(st.floats(0, value))
    elif name == "deploy_age_minutes":
        worse[name] = data.draw(st.floats(value, value + 1000))
    elif name == "actions_taken":
        worse[name] = value + data.draw(st.integers(0, 10))
    elif name == "blast_radius":
        worse[name][data.draw(st.sampled_from(["pods", "services"]))] += data.draw(st.integers(0, 10))
    elif name == "service_tags":
        worse[name] = [*value, data.draw(st.sampled_from(["payments", "db", "auth", "waf", "tier1"]))]
    else:
        worse[name] = name not in {"namespace_allowed", "alert_type_enabled"}
    return worse


@settings(RUNS, max_examples=300)
@given(actions(), mixed_facts, st.data())
def test_more_risk_never_makes_the_verdict_milder(
    action: dict[str, Any], facts: dict[str, Any], data: st.DataObject
) -> None:
    assert RANK[verdict(action, riskier(facts, data))] >= RANK[verdict(action, facts)]


@RUNS
@given(actions(), mixed_facts)
def test_an_approval_answers_a_question_and_no_denial(action: dict[str, Any], facts: dict[str, Any]) -> None:
    alone, approved = ({**facts, "approval": given} for given in (None, good_approval()))
    wanted = "deny" if verdict(action, alone) == "deny" else "allow"
    assert verdict(action, approved) == wanted


@RUNS
@given(actions(), mixed_facts)
def test_what_is_allowed_was_within_every_limit_or_approved(action: dict[str, Any], facts: dict[str, Any]) -> None:
    if verdict(action, facts) != "allow":
        return
    assert facts["mode"] != "shadow"
    assert not facts["paused"]
    assert facts["namespace_allowed"]
    if facts["approval"]:
        assert facts["approval"]["digest_matches"]
        assert facts["approval"]["age_s"] <= 900
        return
    assert facts["mode"] == "autonomous"
    assert facts["alert_type_enabled"]
    assert min(facts["confidence"], facts["evidence_coverage"]) >= 0.82
    assert facts["similarity"] >= 0.65
    assert facts["blast_radius"]["pods"] <= 5
    assert facts["blast_radius"]["services"] <= 1
    assert facts["actions_taken"] < 3
    assert not (facts["stateful"] or facts["downstream_stateful"] or facts["in_freeze"])
    assert action["kind"] not in {
        "delete_namespace",
        "uninstall_release",
        "set_resources",
        "rotate_credentials",
        "shift_traffic",
    }
    assert action["params"].get("replicas") != 0
    assert not action["kind"].startswith("rollback") or facts["deploy_age_minutes"] < 30
    assert set(facts["service_tags"]) <= {"tier1"}


@RUNS
@given(st.sampled_from(sorted(good_approval())), values)
def test_an_approved_run_needs_every_fact_of_its_approver(part: str, value: Any) -> None:
    good = good_approval()
    facts = {**safe_facts(), "mode": "assist"}
    assert verdict(safe_action(), {**facts, "approval": good}) == "allow"
    missing = {key: each for key, each in good.items() if key != part}
    assert verdict(safe_action(), {**facts, "approval": missing}) == "deny"
    if type(value) is not type(good[part]) and not (part == "age_s" and isinstance(value, float)):
        assert verdict(safe_action(), {**facts, "approval": {**good, part: value}}) == "deny"


@RUNS
@given(actions(), mixed_facts)
def test_the_same_question_has_the_same_answer(action: dict[str, Any], facts: dict[str, Any]) -> None:
    first = policy().decide(action, facts)
    assert policy().decide(json.loads(json.dumps(action)), json.loads(json.dumps(facts))) == first
    assert list(first.codes) == sorted(set(first.codes))
    assert (first.verdict == "allow") == (first.codes == ())


@settings(RUNS, max_examples=200)
@given(actions(), mixed_facts, st.data())
def test_a_worse_approval_never_makes_the_verdict_milder(
    action: dict[str, Any], facts: dict[str, Any], data: st.DataObject
) -> None:
    facts["approval"] = data.draw(
        st.sampled_from([good_approval(), *([facts["approval"]] if facts["approval"] else [])])
    )
    worse = copy.deepcopy(facts["approval"])
    part = data.draw(st.sampled_from(["by", "groups", "on_call", "age_s", "digest_matches", "requested_by"]))
    changed = {
        "by": "U0STRANGER", "groups": [], "on_call": False, "age_s": worse["age_s"] + data.draw(st.floats(0, 5000)),
        "digest_matches": False, "requested_by": worse["by"],
    }  # fmt: skip
    worse[part] = changed[part]
    assert RANK[verdict(action, {**facts, "approval": worse})] >= RANK[verdict(action, facts)]


@RUNS
@given(actions(), mixed_facts, st.sampled_from(["staging", "production", "prod", "PRODUCTION"]))
def test_production_is_never_milder_than_staging_whatever_the_limits_say(
    action: dict[str, Any], facts: dict[str, Any], environment: str
) -> None:
    for limits in ({}, {"autonomous_in_production": False}):
        held = policy(limits=limits)
        staging = held.decide(action, {**facts, "environment": "staging"}).verdict
        assert RANK[held.decide(action, {**facts, "environment": environment}).verdict] >= RANK[staging]


@RUNS
@given(actions(), mixed_facts, st.data())
def test_a_null_is_no_fact(action: dict[str, Any], facts: dict[str, Any], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in paths(facts) if path != ("approval",)]))
    held = facts if len(path) == 1 else facts[path[0]]
    held[path[-1]] = None
    assert verdict(action, facts) == "deny"


@RUNS
@given(values | actions(), values | mixed_facts)
def test_every_decision_carries_the_policys_hash_and_says_why_it_is_no(action: Any, facts: Any) -> None:
    decision = policy().decide(action, facts)
    assert decision.policy_hash == policy().hash
    assert (decision.verdict == "allow") == (decision.codes == ())
    assert all(len(policy().explain(code)) > 20 for code in decision.codes)
