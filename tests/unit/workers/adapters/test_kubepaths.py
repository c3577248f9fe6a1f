from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ToolError
from workers.adapters.kubepaths import check

READABLE = (
    ("/api/v1/pods", "pods"),
    ("/api/v1/namespaces/shop/pods", "pods in shop"),
    ("/api/v1/namespaces/shop/pods/web-1", "pods shop/web-1"),
    ("/api/v1/namespaces/shop/pods/web-1/log", "log of pods shop/web-1"),
    ("/apis/apps/v1/namespaces/shop/deployments/web/scale", "scale of deployments shop/web"),
    ("/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node", "clusterroles system:node"),
    ("/api/v1/namespaces/secrets", "namespaces secrets"),
    ("/api/v1/namespaces/secrets/pods", "pods in secrets"),
    ("/apis/metrics.k8s.io/v1beta1/nodes", "nodes"),
    ("/api/v1/nodes/node-1", "nodes node-1"),
    ("/version", "the API's version"),
    ("/apis/batch/v1beta1", "the API's apis"),
)
REFUSED = (
    "/api/v1/secrets",
    "/api/v1/namespaces/shop/secrets",
    "/api/v1/namespaces/shop/secrets/db",
    "/api/v1/namespaces/shop/SECRETS/db",
    "/api/v1/namespaces/shop/Secrets",
    "/api/v1/namespaces/shop/secret%73",
    "/api/v1/namespaces/shop/%73ecrets/db",
    "/api/v1/namespaces/shop/pods/../secrets",
    "/api/v1/namespaces/shop/./secrets",
    "/api/v1/namespaces//secrets",
    "/api/v1//secrets",
    "//api/v1/secrets",
    "/api/v1/secrets/",
    "/api/v1/secrets?limit=1",
    "/api/v1/secrets#x",
    "/api/v1/pods;/secrets",
    "/api/v1/watch/secrets",
    "/api/v1/watch/namespaces/shop/secrets",
    "/api/v1/proxy/namespaces/shop/pods/web",
    "/apis/example.com/v1/namespaces/shop/secrets",
    "/api/v1/namespaces/shop/pods/web/exec",
    "/api/v1/namespaces/shop/pods/web/attach",
    "/api/v1/namespaces/shop/pods/web/portforward",
    "/api/v1/namespaces/shop/pods/web/proxy",
    "/api/v1/namespaces/shop/services/web/proxy",
    "/api/v1/namespaces/shop/pods/web/Exec",
    "/api/v1/nodes/node-1/proxy",
    "/api/v1/namespaces/shop/serviceaccounts/web/token",
    "/api/v1/namespaces/shop/secrets/db/status",
    "/logs",
    "/metrics",
    "",
    "api/v1/pods",
    "https://elsewhere/api/v1/pods",
    "/api/v1/pods\n",
)


@pytest.mark.parametrize(("path", "what"), READABLE)
def test_plain_paths_are_read_and_named(path: str, what: str) -> None:
    assert str(check(path, {})) == what


@pytest.mark.parametrize("path", REFUSED)
def test_secrets_in_any_spelling_subresources_and_odd_paths_are_refused(path: str) -> None:
    with pytest.raises(ToolError):
        check(path, {})


@pytest.mark.parametrize("name", ["watch", "follow"])
def test_streams_are_refused(name: str) -> None:
    with pytest.raises(ToolError, match="streams are not read here"):
        check("/api/v1/pods", {name: "true"})


@given(st.text(alphabet="secrtSECRT/%.;?#7365\\ \tpods", max_size=40))
def test_no_spelling_of_secrets_passes_as_a_resource(tail: str) -> None:
    try:
        target = check(f"/api/v1/namespaces/shop/{tail}", {})
    except ToolError:
        return
    assert target.resource.casefold() != "secrets"
    assert "%" not in tail
    assert target.namespace in ("shop", None)
