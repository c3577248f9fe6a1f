"""Patches, selectors and quantities, as Kubernetes defines them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kubernetes import selectors
from sandbox.kubernetes.patches import BadPatch, json_patch, merge, strategic
from sandbox.kubernetes.quantities import amount, percent

POD = {
    "spec": {
        "containers": [
            {"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"name": "proxy", "image": "p:1", "args": ["-x"], "ports": [{"containerPort": 80, "name": "web"}]},
        ]
    }
}


def containers(patch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = strategic(POD, {"spec": {"containers": patch}})["spec"]["containers"]
    return found


def test_a_strategic_patch_merges_containers_and_variables_by_name() -> None:
    after = containers(
        [{"name": "app", "image": "a:2", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}]
    )
    assert after == [
        {
            "name": "app",
            "image": "a:2",
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
        },
        POD["spec"]["containers"][1],
    ]


def test_a_strategic_patch_replaces_lists_without_a_key_and_knows_both_kinds_of_ports() -> None:
    after = containers([{"name": "proxy", "args": ["-y"], "ports": [{"containerPort": 80, "protocol": "TCP"}]}])
    assert after[1]["args"] == ["-y"]
    assert after[1]["ports"] == [{"containerPort": 80, "name": "web", "protocol": "TCP"}]
    service = {"spec": {"ports": [{"port": 80, "targetPort": 8080}, {"port": 443}]}}
    patched = strategic(service, {"spec": {"ports": [{"port": 80, "targetPort": 9090}]}})
    assert patched["spec"]["ports"] == [{"port": 80, "targetPort": 9090}, {"port": 443}]


def test_directives_delete_and_replace() -> None:
    assert [c["name"] for c in containers([{"name": "proxy", "$patch": "delete"}])] == ["app"]
    assert containers([{"$patch": "replace"}, {"name": "new"}]) == [{"name": "new"}]
    assert strategic({"labels": {"a": "1"}}, {"labels": {"$patch": "replace", "b": "2"}}) == {"labels": {"b": "2"}}
    finalizers = strategic({"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]})
    assert finalizers == {"finalizers": ["b"]}


def test_patches_leave_what_they_are_given_as_it_was() -> None:
    before = repr(POD)
    containers([{"name": "app", "image": "changed"}])
    merge(POD, {"spec": {"containers": []}})
    json_patch(POD, [{"op": "remove", "path": "/spec/containers/0"}])
    assert repr(POD) == before


def test_an_item_without_its_key_cannot_be_merged() -> None:
    with pytest.raises(BadPatch):
        containers([{"image": "x"}])


@pytest.mark.parametrize(
    ("target", "patch", "after"),
    [  # the examples of RFC 7386
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_follows_its_rfc(target: Any, patch: Any, after: Any) -> None:
    assert merge(target, patch) == after


@pytest.mark.parametrize(
    ("operations", "after"),
    [
        ([{"op": "add", "path": "/list/1", "value": "x"}], {"list": ["a", "x", "b"], "map": {"k/1": 1}}),
        ([{"op": "add", "path": "/list/-", "value": "x"}], {"list": ["a", "b", "x"], "map": {"k/1": 1}}),
        ([{"op": "remove", "path": "/map/k~11"}], {"list": ["a", "b"], "map": {}}),
        ([{"op": "move", "from": "/list/0", "path": "/map/moved"}], {"list": ["b"], "map": {"k/1": 1, "moved": "a"}}),
        ([{"op": "copy", "from": "/list", "path": "/map/k~11"}], {"list": ["a", "b"], "map": {"k/1": ["a", "b"]}}),
        ([{"op": "replace", "path": "/list/0", "value": 1}], {"list": [1, "b"], "map": {"k/1": 1}}),
    ],
)
def test_a_json_patch_follows_its_rfc(operations: list[dict[str, Any]], after: Any) -> None:
    assert json_patch({"list": ["a", "b"], "map": {"k/1": 1}}, operations) == after


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "test", "path": "/a", "value": 2}],
        [{"op": "replace", "path": "/missing", "value": 2}],
        [{"op": "remove", "path": "/missing"}],
        [{"op": "explode", "path": "/a"}],
        [{"path": "/a"}],
        {"op": "remove", "path": "/a"},
    ],
)
def test_a_json_patch_that_does_not_apply_is_refused(operations: Any) -> None:
    with pytest.raises(BadPatch):
        json_patch({"a": 1}, operations)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True), ("app", True), ("!app", False), ("!gone", True), ("app=web", True), ("app==web", True),
        ("app!=web", False), ("gone!=web", True), ("app in (api, web)", True), ("app notin (web)", False),
        ("gone notin (web)", True), ("gone in (web)", False),
        ("app=web,tier=front", True), ("app=web,tier=back", False),
        ("example.com/team in (a,b),app", True),
    ],
)  # fmt: skip
def test_label_selectors(selector: str, matches: bool) -> None:
    labels = {"app": "web", "tier": "front", "example.com/team": "a"}
    assert selectors.labels(selector)({"metadata": {"labels": labels}}) is matches


@pytest.mark.parametrize("selector", ["=web", "app in web", "app in (web", "a=b=c", "app>3"])
def test_label_selectors_that_cannot_be_read(selector: str) -> None:
    with pytest.raises(selectors.BadSelector):
        selectors.labels(selector)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", 0.25),
        ("2", 2),
        ("1.5", 1.5),
        ("384Mi", 384 * 2**20),
        ("1G", 1e9),
        ("1e3", 1000),
        ("12Ki", 12288),
        (4, 4),
    ],
)
def test_quantities(text: str | int, number: float) -> None:
    assert amount(text) == number


@pytest.mark.parametrize("text", ["", "Mi", "1Q", "1 Gi", "one"])
def test_quantities_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        amount(text)


def test_percentages_round_as_rollouts_need_it() -> None:
    assert [percent("25%", 3, up=True), percent("25%", 3, up=False), percent(2, 3, up=True)] == [1, 0, 2]
