"""The engine in an OPA server, over the same files, through its REST API v1."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from threading import Lock
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
        import requests

        self._url = url.rstrip("/")
        self._rules = rules
        self._timeout_s = timeout_s
        self._lock = Lock()  # a session is not for several threads
        self._session = requests.Session()
        self._session.trust_env = False  # a policy server is no matter for a proxy

    def evaluate(self, document: Mapping[str, Any]) -> Spoken:
        with self._lock:
            try:
                answer = self._ask(document)
                if answer is None:  # OPA forgets what was published when it restarts
                    self._publish()
                    answer = self._ask(document)
            except (Unreachable, ConfigError):
                return no(UNAVAILABLE)
        return spoken(answer, self._rules.hash)

    def publish(self) -> None:
        """Make OPA hold exactly this policy set. Safe to repeat.

        Until its hash arrives, last, every decision of OPA carries an empty hash and is refused.

        Raises: Unreachable; ConfigError when OPA refuses a module, with its file and line.
        """
        with self._lock:
            self._publish()

    def _ask(self, document: Mapping[str, Any]) -> object | None:
        """The decision, or None when OPA has no policy of ours."""
        answer = self._call("POST", f"/v1/data/{ENTRYPOINT}", {"input": document})
        return cast("object | None", answer.get("result"))

    def _publish(self) -> None:
        data = dict(self._rules.data)
        self._call("PUT", "/v1/data/policy_hash", "")
        ours = {_PREFIX + path: source for path, source in self._rules.modules}
        for held in self._held() - set(ours):
            self._call("DELETE", f"/v1/policies/{quote(held)}")
        for name, source in ours.items():
            self._call("PUT", f"/v1/policies/{quote(name)}", source)
        digest = data.pop("policy_hash")
        for name, value in data.items():
            self._call("PUT", f"/v1/data/{name}", value)
        self._call("PUT", "/v1/data/policy_hash", digest)

    def _held(self) -> set[str]:
        listed = self._call("GET", "/v1/policies").get("result")
        ids = {one.get("id") for one in listed if isinstance(one, dict)} if isinstance(listed, list) else set()
        return {name for name in ids if isinstance(name, str) and name.startswith(_PREFIX)}

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One request and its answer's object, {} for none."""
        import requests

        module = method == "PUT" and path.startswith("/v1/policies/")
        content = str(body).encode() if module else json.dumps(body).encode()
        kind = "text/plain" if module else "application/json"
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._session.request(
                method, self._url + path, data=None if method in {"GET", "DELETE"} else content,
                headers={"Content-Type": kind}, timeout=self._timeout_s, stream=True, allow_redirects=False,
            ) as response:  # fmt: skip
                raw = b""
                for chunk in response.iter_content(65_536):
                    raw += chunk
                    if len(raw) > _MAX_ANSWER or time.monotonic() > deadline:
                        raise Unreachable("OPA answers too slowly or too much; look at the server behind OPA_URL.")
        except (requests.RequestException, ValueError) as error:  # ValueError: a URL that is none
            raise Unreachable("OPA does not answer; check OPA_URL and that the server runs.") from error
        return self._read(response.status_code, raw)

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
