"""The engine in this process: rego-cpp, compiled once, asked many times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from core.errors import ConfigError
from policies.files import Rules
from policies.names import check_names

ENTRYPOINT = "sre/decision"
UNAVAILABLE = "policy.unavailable"
DIFFERENT_SET = "policy.different_set"
CODES = {
    UNAVAILABLE: "The policy could not be asked, so nothing is allowed.",
    DIFFERENT_SET: "The OPA server holds another policy set than this program; restart the one that is older.",
}
_CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Spoken:
    """What the rules say; `approved` tells whether a valid approval answers what they ask."""

    deny: frozenset[str]
    ask: frozenset[str] = frozenset()
    approved: bool = False


class Engine(Protocol):
    """Evaluates `sre.decision`. Never raises: an engine that cannot decide says no."""

    def evaluate(self, document: Mapping[str, Any]) -> Spoken: ...
    def publish(self) -> None:
        """Make what evaluates hold this policy set. Safe to repeat. Raises: Unreachable, ConfigError."""
        ...


def no(code: str) -> Spoken:
    return Spoken(deny=frozenset({code}))


def spoken(answer: object, policy_hash: str) -> Spoken:
    """An engine's answer, believed only when it has exactly the expected form and is of our own policy set."""
    if not isinstance(answer, dict) or set(answer) != {"deny", "ask", "approved", "policy_hash"}:
        return no(UNAVAILABLE)
    if answer["policy_hash"] != policy_hash:
        return no(DIFFERENT_SET)
    deny, ask = _codes(answer["deny"]), _codes(answer["ask"])
    if deny is None or ask is None or not isinstance(answer["approved"], bool):
        return no(UNAVAILABLE)
    return Spoken(deny=deny, ask=ask, approved=answer["approved"])


def _codes(value: object) -> frozenset[str] | None:
    if isinstance(value, list) and all(isinstance(code, str) and _CODE.fullmatch(code) for code in value):
        return frozenset(value)
    return None


class RegoEngine:
    """The rules in this process. Safe to share between threads; a fork, made while no thread decides, keeps it."""

    def __init__(self, rules: Rules) -> None:
        """Compiles the rules. Raises: ConfigError with file and line."""
        from regopy import Interpreter, RegoError
        from regopy.rego_shared import LogLevel

        self._hash = rules.hash
        self._lock = Lock()  # the interpreter holds one input at a time
        self._rego = Interpreter()
        self._rego.log_level = LogLevel.NONE  # it would print errors itself
        try:
            self._rego.add_data(rules.data)
            for path, source in rules.modules:
                self._rego.add_module(path, source)
            self._bundle = self._rego.build(None, [ENTRYPOINT])
        except RegoError as error:
            raise ConfigError(_where(str(error), dict(rules.modules))) from error
        check_names(rules.modules, self._rego.is_builtin)
        if not self._bundle.ok() or not self.evaluate({}).deny - {UNAVAILABLE}:
            raise ConfigError("The policy compiles but cannot be evaluated; look for rules that define each other.")

    def publish(self) -> None:
        """Nothing is left to do: it was compiled here."""

    def evaluate(self, document: Mapping[str, Any]) -> Spoken:
        from regopy import Input, RegoError

        with self._lock:
            try:
                self._rego.set_input(Input(document))
                output = self._rego.query_bundle_entrypoint(self._bundle, ENTRYPOINT)
            except (RegoError, ValueError):  # ValueError: what it prints of a failed run is not JSON
                return no(UNAVAILABLE)
            if not output.ok() or len(output) != 1 or len(output[0].expressions) != 1:
                return no(UNAVAILABLE)
            return spoken(output[0].expressions[0], self._hash)


def _where(report: str, sources: Mapping[str, str]) -> str:
    """rego-cpp's report of an error, `(error 12:rules/x.rego|60|1 (errormsg 24:Invalid…`, as a sentence."""
    found = re.search(r"\(error \d+:(.+?)\|(\d+)\|\d+\s*\(errormsg \d+:(.*?)\)\s*\(", report, re.DOTALL)
    if found is None or found[1] not in sources:
        return "The policy does not compile; run `make policy-test`."
    line = sources[found[1]].encode()[: int(found[2])].count(b"\n") + 1
    return f"policies/{found[1]}:{line} does not compile: {found[3].strip()}."
