"""Who may do what: a reader who sees everything but Secrets, and an operator who may also repair one namespace."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.kubernetes.errors import Refusal
from sandbox.services import NAMESPACE

READER, OPERATOR = "system:serviceaccount:sre:reader", "system:serviceaccount:sre:operator"
ANONYMOUS = "system:anonymous"
_READS = frozenset({"get", "list", "watch"})
# What the operator may write in the company's namespace, by verb.
_REPAIRS = {
    "patch": {"deployments", "deployments/scale", "statefulsets", "statefulsets/scale", "cronjobs", "pods"},
    "update": {"deployments", "deployments/scale", "statefulsets", "statefulsets/scale"},
    "create": {"jobs"},
    "delete": {"pods", "jobs"},
}
_EVERYWHERE = {("patch", "nodes"), ("create", "pods/eviction")}  # a node that is drained has pods of all namespaces


@dataclass(frozen=True)
class Ask:
    """One thing that somebody wants to do."""

    verb: str
    group: str
    resource: str  # with its subresource: "pods/log"
    namespace: str = ""
    name: str = ""


def allowed(user: str, ask: Ask) -> bool:
    """What the roles of this company say."""
    if ask.group == "authorization.k8s.io":
        return user != ANONYMOUS
    plural = ask.resource.partition("/")[0]
    if user not in (READER, OPERATOR) or plural == "secrets":
        return False
    if ask.verb in _READS:
        return True
    if user != OPERATOR:
        return False
    if (ask.verb, ask.resource) in _EVERYWHERE:
        return True
    return ask.namespace == NAMESPACE and ask.resource in _REPAIRS.get(ask.verb, set())


def require(user: str, ask: Ask) -> None:
    """Raises: Refusal (403) in Kubernetes' words."""
    if allowed(user, ask):
        return
    what = f'{ask.resource.partition("/")[0]} "{ask.name}"' if ask.name else ask.resource
    place = f'in the namespace "{ask.namespace}"' if ask.namespace else "at the cluster scope"
    message = (
        f'{what} is forbidden: User "{user}" cannot {ask.verb} resource "{ask.resource}" '
        f'in API group "{ask.group}" {place}'
    )
    raise Refusal(403, "Forbidden", message, name=ask.name, group=ask.group, kind=ask.resource.partition("/")[0])


def user_of(header: str | None, tokens: dict[str, str]) -> str:
    """Who a request's Authorization header names. Raises: Refusal (401) for a token that nobody has."""
    if not header:
        return ANONYMOUS
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or token not in tokens:
        raise Refusal(401, "Unauthorized", "Unauthorized")
    return tokens[token]
