"""What the two accounts of deploy/rbac may and must not do, tried on a real control plane with RBAC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.accounts import FILES, OPERATOR, READER, documents, installed
from tests.live.lab import Lab, cron_job, job, workload
from workers.adapters.kubeconfig import load

pytestmark = pytest.mark.live

Obj = dict[str, Any]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
MERGE = "application/merge-patch+json"


class Account:
    """Asks the API as one of the accounts."""

    def __init__(self, kubeconfig: Path, name: str) -> None:
        from kubernetes.client import ApiClient

        self._client = ApiClient(load(str(kubeconfig), name)[1])

    def status(self, method: str, path: str, body: Obj | None = None) -> int:
        kind = MERGE if method == "PATCH" else "application/json"
        method, url, headers, sent, _ = self._client.param_serialize(
            method, path, header_params={"Content-Type": kind}, body=body, auth_settings=["BearerToken"]
        )
        answer: Any = self._client.call_api(method, url, headers, sent, _request_timeout=(2, 15))
        answer.read()
        return int(answer.status)

    def may(self, verb: str, group: str, resource: str, namespace: str = "", sub: str = "") -> bool:
        attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace, "subresource": sub}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        method, url, headers, sent, _ = self._client.param_serialize(
            "POST", path, header_params={"Content-Type": "application/json"},
            body={"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                  "spec": {"resourceAttributes": attributes}},
            auth_settings=["BearerToken"],
        )  # fmt: skip
        answer: Any = self._client.call_api(method, url, headers, sent)
        return bool(json.loads(answer.read())["status"]["allowed"])


@pytest.fixture(scope="module")
def places(lab: Lab) -> Iterator[tuple[str, str]]:
    """The namespace that the operator repairs, and another; each with something in it."""
    with lab.namespace("rights") as ours, lab.namespace("others") as others:
        for namespace in (ours, others):
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"a": "b"}}
            lab.call("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)
            lab.apply(namespace, workload("web"), workload("db", kind="StatefulSet"), job("report", "done"))
            lab.apply(namespace, cron_job("nightly", "0 0 1 1 *", "done"))
            lab.apply(namespace, {"kind": "ConfigMap", "metadata": {"name": "settings"}})
        yield ours, others


@pytest.fixture(scope="module")
def accounts(
    lab: Lab, kubeconfig: Path, places: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Account]:
    path = installed(lab, kubeconfig, places[0], tmp_path_factory.mktemp("rights"))
    return {name: Account(path, name) for name in (READER, OPERATOR)}


def never(ours: str, others: str) -> list[tuple[str, str, Obj | None]]:
    """What neither account may do, as requests that would work for an administrator."""
    admin = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    me = [{"kind": "ServiceAccount", "name": name, "namespace": "default"} for name in (READER, OPERATOR)]
    more: Obj = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "mine"}, "spec": {"containers": [{"name": "a",
           "image": "b"}]}}  # fmt: skip
    scaled = {"spec": {"replicas": 0}}
    asked: list[tuple[str, str, Obj | None]] = [
        ("GET", "/api/v1/secrets", None),
        ("DELETE", "/api/v1/nodes/lab-1", None),
        ("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}}),
        ("DELETE", f"/api/v1/namespaces/{ours}", None),
        ("DELETE", f"/api/v1/namespaces/{others}", None),
        ("PATCH", f"{RBAC}/clusterroles/sre-bot-reader", more),
        ("PATCH", f"{RBAC}/clusterroles/sre-bot-operator-nodes", more),
        ("PATCH", f"{RBAC}/namespaces/{ours}/roles/sre-bot-operator", more),
        ("POST", f"{RBAC}/clusterrolebindings",
         {"metadata": {"name": "mine"}, "roleRef": admin, "subjects": me}),
        ("POST", f"{RBAC}/namespaces/{ours}/rolebindings",
         {"metadata": {"name": "mine"}, "roleRef": admin, "subjects": me}),
        ("POST", f"{RBAC}/namespaces/{ours}/roles", {"metadata": {"name": "mine"}, **more}),
        ("POST", f"/api/v1/namespaces/default/serviceaccounts/{OPERATOR}/token", {"spec": {}}),
        ("POST", f"/api/v1/namespaces/{ours}/serviceaccounts/default/token", {"spec": {}}),
        ("PATCH", "/apis/apps/v1/namespaces/kube-system/deployments/coredns", scaled),
        ("POST", "/api/v1/namespaces/kube-system/pods", pod),
    ]  # fmt: skip
    for namespace in (ours, others):
        base, apps, batch = (f"{group}/namespaces/{namespace}" for group in ("/api/v1", "/apis/apps/v1",
                                                                             "/apis/batch/v1"))  # fmt: skip
        asked += [
            ("GET", f"{base}/secrets", None),
            ("GET", f"{base}/secrets/key", None),
            ("PATCH", f"{base}/secrets/key", {"stringData": {"a": "c"}}),
            ("DELETE", f"{base}/secrets/key", None),
            ("POST", f"{base}/pods", pod),
            ("POST", f"{base}/pods/db-0/exec?command=id&stdout=true", None),
            ("GET", f"{base}/pods/db-0/exec?command=id&stdout=true", None),
            ("GET", f"{base}/pods/db-0/attach?stdout=true", None),
            ("GET", f"{base}/pods/db-0/proxy/", None),
            ("POST", f"{base}/pods/db-0/portforward", None),
            ("PATCH", f"{base}/pods/db-0", {"metadata": {"labels": {"app": "other"}}}),
            ("PATCH", f"{base}/configmaps/settings", {"data": {"a": "b"}}),
            ("POST", f"{base}/serviceaccounts", {"metadata": {"name": "mine"}}),
            ("DELETE", f"{base}/pods", None),
            ("DELETE", f"{apps}/deployments/web", None),
            ("DELETE", f"{apps}/deployments", None),
            ("PATCH", f"{apps}/deployments/web/status", {"status": {"replicas": 9}}),
            ("PUT", f"{apps}/deployments/web/scale", {"metadata": {"name": "web"}, **scaled}),
            ("PATCH", f"{batch}/jobs/report", {"metadata": {"labels": {"a": "b"}}}),
        ]
    there = f"/namespaces/{others}"
    asked += [
        ("PATCH", f"/apis/apps/v1{there}/deployments/web", scaled),
        ("PATCH", f"/apis/apps/v1{there}/statefulsets/db", scaled),
        ("DELETE", f"/api/v1{there}/pods/db-0", None),
        ("POST", f"/api/v1{there}/pods/db-0/eviction", {"apiVersion": "policy/v1beta1", "kind": "Eviction",
                                                          "metadata": {"name": "db-0", "namespace": others}}),
        ("DELETE", f"/apis/batch/v1{there}/jobs/report", None),
        ("POST", f"/apis/batch/v1{there}/jobs", {"metadata": {"name": "mine"}, "spec": job("x", "done")["spec"]}),
    ]  # fmt: skip
    return asked


@pytest.mark.parametrize("name", [READER, OPERATOR])
def test_what_neither_may_do_is_forbidden(accounts: dict[str, Account], places: tuple[str, str], name: str) -> None:
    allowed = {
        f"{method} {path}: {status}"
        for method, path, body in never(*places)
        if (status := accounts[name].status(method, path, body)) != 403
    }
    assert allowed == set()


@pytest.mark.parametrize("name", [READER, OPERATOR])
@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("escalate", "rbac.authorization.k8s.io", "roles"),
        ("bind", "rbac.authorization.k8s.io", "clusterroles"),
        ("impersonate", "", "users"),
        ("impersonate", "", "groups"),
        ("impersonate", "", "serviceaccounts"),
        ("approve", "certificates.k8s.io", "signers"),
        ("create", "certificates.k8s.io", "certificatesigningrequests"),
        ("use", "policy", "podsecuritypolicies"),
        ("*", "*", "*"),
        ("update", "admissionregistration.k8s.io", "validatingwebhookconfigurations"),
        ("deletecollection", "", "pods"),
    ],
)
def test_nothing_that_would_give_more_rights_is_granted(
    accounts: dict[str, Account], places: tuple[str, str], name: str, verb: str, group: str, resource: str
) -> None:
    assert not any(accounts[name].may(verb, group, resource, namespace) for namespace in ("", *places))


def test_impersonation_is_forbidden(accounts: dict[str, Account], places: tuple[str, str]) -> None:
    for account in accounts.values():
        account._client.default_headers["Impersonate-User"] = "admin"
        try:
            assert account.status("GET", f"/api/v1/namespaces/{places[0]}/pods") == 403
        finally:
            del account._client.default_headers["Impersonate-User"]


def test_the_reader_writes_nothing_anywhere(accounts: dict[str, Account], places: tuple[str, str]) -> None:
    ours, _ = places
    written = [
        (verb, group, resource, sub)
        for group, resource, sub in (
            ("", "pods", ""), ("", "pods", "eviction"), ("", "nodes", ""), ("", "configmaps", ""), ("", "events", ""),
            ("apps", "deployments", ""), ("apps", "deployments", "scale"), ("apps", "statefulsets", ""),
            ("batch", "jobs", ""), ("batch", "cronjobs", ""),
        )
        for verb in ("create", "update", "patch", "delete", "deletecollection")
        if accounts[READER].may(verb, group, resource, ours, sub)
    ]  # fmt: skip
    assert written == []


def test_the_files_name_no_more_than_they_say() -> None:
    rules = [
        (document["kind"], document["metadata"]["name"], rule)
        for name in FILES
        for document in documents(name, "shop")
        for rule in document.get("rules") or ()
    ]
    assert rules
    for kind, name, rule in rules:
        assert not {"*"} & {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not {"secrets", "roles", "rolebindings", "pods/exec", "serviceaccounts/token"} & set(rule["resources"])
        if name == READER:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
        if (kind, name) == ("ClusterRole", "sre-bot-operator-nodes"):
            assert set(rule["resources"]) <= {"nodes", "pods"}


def test_the_operator_reads_no_more_than_where_it_repairs(
    accounts: dict[str, Account], places: tuple[str, str]
) -> None:
    ours, others = places
    operator = accounts[OPERATOR]
    for path in ("/apis/apps/v1/namespaces/{}/deployments/web", "/apis/batch/v1/namespaces/{}/jobs/report"):
        assert operator.status("GET", path.format(ours)) == 200
        assert operator.status("GET", path.format(others)) == 403
    assert operator.status("GET", f"/api/v1/namespaces/{ours}/configmaps") == 403
