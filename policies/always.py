"""What is always a person's, and what is nobody's. This is code, not data: no configuration turns any of it off.

Words are matched in the service's tags, and in the names of the action and its params, because a team that forgot
a tag still means its payments.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from core.diagnosis import Action, ActionKind

CODES = {
    "malformed": "This is not an action and its facts in the form that `policy check` reads, so nothing is allowed.",
    "action.unknown_kind": "The action catalogue has no such kind, so it is never done.",
    "action.target": "The action names no target that its kind can have, so it is never done.",
    "action.params": "The action's params are missing, unknown or of a wrong type, so it is never done.",
    "never.own_installation": "The bot never acts on its own installation: it would change its own limits or ledger.",
    "person.payments": "This is part of the payment pipeline, which is always a person's.",
    "person.database": "This may change a database's schema or data, which is always a person's.",
    "person.access": "This concerns authentication, RBAC or IAM, which are always a person's.",
    "person.security_control": "This may switch a security control off, which is always a person's.",
    "person.scale_to_zero": "Scaling to zero is always a person's.",
    "person.delete_namespace": "Deleting a namespace is always a person's.",
    "person.uninstall_release": "Uninstalling a release is always a person's.",
    "person.set_resources": "Changing resource limits is always a person's.",
    "person.failover": "Shifting traffic may be a cross-region failover, which is always a person's.",
    "person.unreadable_tag": "A service tag has letters that cannot be compared safely, so a person decides.",
}

_BY_KIND: Mapping[ActionKind, str] = {
    "delete_namespace": "person.delete_namespace",
    "uninstall_release": "person.uninstall_release",
    "set_resources": "person.set_resources",  # whether it keeps state is a fact, and facts can be wrong
    "rotate_credentials": "person.access",
    "shift_traffic": "person.failover",  # nothing in an action says which region `to` is in
}

# A stem matches inside a word ("mypayments"), a word only whole ("auth" is not in "authors").
_STEMS: Mapping[str, tuple[str, ...]] = {
    "person.payments": ("payment", "billing", "cardholder", "paypal"),
    "person.database": (
        "database", "postgres", "mongo", "cassandra", "schema", "migrat", "backfill",
    ),
    "person.access": (
        "oauth", "keycloak", "authn", "authz", "authent", "authoriz", "authoris", "identit", "credential",
    ),
    "person.security_control": (
        "security", "firewall", "gatekeeper", "kyverno", "networkpolic", "intrusion", "deadmans",
    ),
}  # fmt: skip
_WORDS: Mapping[str, frozenset[str]] = {
    "person.payments": frozenset({"pay", "pci", "psp", "stripe", "adyen"}),
    "person.database": frozenset({"db", "dbs", "sql", "ddl", "dml"}),
    "person.access": frozenset({"auth", "rbac", "iam", "sso", "idp", "oidc", "saml", "ldap", "login", "mfa"}),
    "person.security_control": frozenset({"waf", "falco", "opa", "siem", "audit", "watchdog", "antivirus", "vault"}),
}


def never(action: Action, tags: Iterable[str]) -> frozenset[str]:
    """The codes for which nobody may do this, approved or not."""
    ours = any(_joined(text).startswith("srebot") for text in (action.namespace, action.name, *tags))
    return frozenset({"never.own_installation"}) if ours else frozenset()


def person(action: Action, tags: Iterable[str]) -> frozenset[str]:
    """The codes for which a person decides, in every mode."""
    tags = list(tags)
    codes = {_BY_KIND[action.kind]} if action.kind in _BY_KIND else set()
    if action.kind == "scale_deployment" and action.params["replicas"] == 0:
        codes.add("person.scale_to_zero")
    if any(not _plain(tag).isascii() for tag in tags):
        codes.add("person.unreadable_tag")
    for text in (action.namespace, action.name, *tags, *_texts(action.params)):
        codes |= _spoken(text)
    return frozenset(codes)


def _spoken(text: str) -> set[str]:
    words, joined = _words(text), _joined(text)
    found = {code for code, stems in _STEMS.items() if any(stem in joined for stem in stems)}
    found |= {code for code, known in _WORDS.items() if words & known}
    if any(word.endswith(("db", "sql")) for word in words):
        found.add("person.database")
    return found


def _plain(text: str) -> str:
    """Compatibility forms unified, invisible characters dropped: "ｐａｙ\u200bments" is "payments"."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in {"Cf", "Mn"})


def _words(text: str) -> set[str]:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", _plain(text))
    return set(re.findall(r"[a-z0-9]+", apart.casefold()))


def _joined(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _plain(text).casefold())


def _texts(value: Any) -> list[str]:
    """Every text inside params; keys are the catalogue's own."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for each in inner for text in _texts(each)]
