"""The engine in an OPA server, over the same files, through its REST API v1."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from core.errors import ConfigError, Unreachable
from policies.engine import ENTRYPOINT, UNAVAILABLE, Spoken, no, spoken
from policies.files import Rules

TIMEOUT_S = 2.0  # a decision takes OPA a few ms; nobody should wait long for a no
_PREFIX = "sre-bot/"  # our modules' ids in OPA
_MAX_ANSWER = 1_000_000


class OpaEngine:
    """Asks OPA's Data API. When OPA is silent, answers something else or holds another policy set, it says no."""

    def __init__(self, url: str, rules: Rules, timeout_s: float = TIMEOUT_S) -> None:
        """Connects to nothing yet."""
        self._url = url.rstrip("/")
        self._rules = rules
        self._timeout_s = timeout_s

    def evaluate(self, document: Mapping[str, Any]) -> Spoken:
        try:
            answer = self._ask(document)
            if answer is None:  # OPA forgets what was published when it restarts
                self.publish()
                answer = self._ask(document)
        except (Unreachable, ConfigError):
            return no(UNAVAILABLE)
        return spoken(answer, self._rules.hash)

    def publish(self) -> None:
        """Make OPA hold exactly this policy set. Safe to repeat.

        The hash is withdrawn first and arrives last; in between, OPA's decisions carry an empty one and are refused.
        main.rego stays in place throughout: without it, another process would publish its own set into the gap.

        Raises: Unreachable; ConfigError when OPA refuses a module, with its file and line.
        """
        data = dict(self._rules.data)
        digest = data.pop("policy_hash")
        self._call("PUT", "/v1/data/policy_hash", "")
        for held in self._held_rules():  # all of them: OPA would refuse types.rego while an older rule needs more of it
            self._call("DELETE", f"/v1/policies/{quote(held)}")
        for path, source in self._rules.modules:
            self._call("PUT", f"/v1/policies/{quote(_PREFIX + path)}", source)
        for name, value in data.items():
            self._call("PUT", f"/v1/data/{name}", value)
        self._call("PUT", "/v1/data/policy_hash", digest)

    def _ask(self, document: Mapping[str, Any]) -> object | None:
        """The decision, or None when OPA has no policy of ours."""
        answer = self._call("POST", f"/v1/data/{ENTRYPOINT}", {"input": document})
        return cast("object | None", answer.get("result"))

    def _held_rules(self) -> set[str]:
        listed = self._call("GET", "/v1/policies").get("result")
        ids = {one.get("id") for one in listed if isinstance(one, dict)} if isinstance(listed, list) else set()
        return {name for name in ids if isinstance(name, str) and name.startswith(f"{_PREFIX}rules/")}

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One request and its answer's object, {} for none."""
        import requests

        module = method == "PUT" and path.startswith("/v1/policies/")
        content = str(body).encode() if module else json.dumps(body).encode()
        kind = "text/plain" if module else "application/json"
        deadline = time.monotonic() + self._timeout_s
        try:
            # A connection for each question: one that a fork inherited could hold the answer to another's.
            with requests.Session() as session:
                session.trust_env = False  # a policy server is no matter for a proxy
                with session.request(
                    method, self._url + path, data=None if method in {"GET", "DELETE"} else content,
                    headers={"Content-Type": kind}, timeout=self._timeout_s, stream=True, allow_redirects=False,
                ) as response:  # fmt: skip
                    status, raw = response.status_code, b""
                    for chunk in response.iter_content(65_536):
                        raw += chunk
                        if len(raw) > _MAX_ANSWER or time.monotonic() > deadline:
                            raise Unreachable("OPA answers too slowly or too much; look at the server behind OPA_URL.")
        except (requests.RequestException, ValueError) as error:  # ValueError: a URL that is none
            raise Unreachable("OPA does not answer; check OPA_URL and that the server runs.") from error
        return self._read(status, raw)

    def _read(self, status: int, raw: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(raw) if raw.strip() else {}
        except (ValueError, RecursionError) as error:
            raise Unreachable("What answers at OPA_URL does not speak OPA's API.") from error
        if status == 400 and isinstance(answer, dict) and answer.get("code") == "invalid_parameter":
            raise ConfigError(_refusal(answer))
        if not 200 <= status < 300 or not isinstance(answer, dict):
            raise Unreachable(f"OPA answered with status {status}; check OPA_URL and what its authorization allows.")
        return answer


def _refusal(answer: Mapping[str, Any]) -> str:
    """OPA's own report of a module that it does not compile."""
    errors = answer.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    where = first.get("location")
    if not isinstance(where, dict):
        return "OPA refuses the policy set."
    name = str(where.get("file", "")).removeprefix(_PREFIX)
    return f"policies/{name}:{where.get('row')} does not compile in OPA: {first.get('message')}."
