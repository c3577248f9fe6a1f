"""The two accounts of deploy/rbac on a live cluster, and a kubeconfig with a token for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.live.lab import Lab, altered

RBAC = Path(__file__).parents[2] / "deploy/rbac"
READER, OPERATOR = "sre-bot-reader", "sre-bot-operator"
FILES = ("reader.yaml", "operator.yaml", "operator-nodes.yaml")
WRITTEN_FOR = "shop"  # the namespace that operator.yaml shows
Obj = dict[str, Any]


def documents(name: str, namespace: str) -> list[Obj]:
    """What a file of deploy/rbac holds, for a namespace of ours."""
    text = (RBAC / name).read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text.replace(f"namespace: {WRITTEN_FOR}}}", f"namespace: {namespace}}}")))


def installed(lab: Lab, kubeconfig: Path, namespace: str, folder: Path) -> Path:
    """The files applied, the operator's for this namespace; the kubeconfig's contexts are named as the accounts."""
    for document in (each for name in FILES for each in documents(name, namespace)):
        lab.replace(document["metadata"].get("namespace", ""), document)
    tokens = {account: _token(lab, account) for account in (READER, OPERATOR)}

    def alter(content: Obj) -> None:
        cluster = content["contexts"][0]["context"]["cluster"]
        content["users"] += [{"name": name, "user": {"token": token}} for name, token in tokens.items()]
        content["contexts"] += [{"name": name, "context": {"cluster": cluster, "user": name}} for name in tokens]

    return altered(kubeconfig, folder, alter)


def _token(lab: Lab, account: str) -> str:
    path = f"/api/v1/namespaces/default/serviceaccounts/{account}/token"
    return str(lab.call("POST", path, {"spec": {"expirationSeconds": 3600}})["status"]["token"])
