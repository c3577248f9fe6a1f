"""GET and a JSON answer from one of the team's own servers: the reading that Prometheus and Alertmanager share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import orjson
import requests
import urllib3

from core.errors import Absent, ConfigError, Forbidden, ToolError, Unreachable

CONNECT_S = 3.0  # a server in the same network accepts in milliseconds
MAX_BYTES = 20_000_000  # guessed: 11,000 points of 50 series; more is a query that wants narrowing
_CHUNK = 65_536
Params = Mapping[str, str | tuple[str, ...]]


class Rejected(ToolError):
    """The server understood and said no; `said` is its JSON body, foreign."""

    def __init__(self, what: str, why: str, said: Any) -> None:
        super().__init__(what, why)
        self.said = said


class JsonApi:
    """One server. The address may carry credentials: `http://user:password@host`, or a bearer token as
    `http://bearer:TOKEN@host`. Redirects are not followed, so that no credential reaches another host.

    Safe to use from many threads.
    """

    def __init__(self, name: str, setting: str, url: str, timeout_s: float) -> None:
        """Args: `name` is "Prometheus", `setting` the variable that holds the address, both for messages.

        Raises: ConfigError when the address is not one.
        """
        self.name = name
        try:
            self.url, auth = _without_credentials(url)
        except ValueError as error:
            raise ConfigError(f"{setting} is not an http or https address; correct it.") from error
        self._setting = setting
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        self._session.auth = auth

    def get(self, path: str, params: Params, what: str) -> Any:
        """The JSON answer of `path`.

        Args:
            what: What is being read, for the error: "the firing alerts".

        Raises: ToolError (Absent, Forbidden, Rejected among them), or Unreachable when nothing answers.
        """
        deadline = time.monotonic() + self._timeout_s
        slow = ToolError(what, f"{self.name} took longer than {self._timeout_s:.0f} s")
        try:
            with self._session.get(
                f"{self.url}{path}",
                params=params,
                timeout=(CONNECT_S, self._timeout_s),
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = self._body(answer, what, deadline, slow)
                return self._json(answer, body, what)
        except requests.exceptions.SSLError as error:
            raise Unreachable(f"{self._here()} has a certificate that is not trusted here; check its TLS.") from error
        except (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError) as error:
            raise slow from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Unreachable(f"{self._here()} does not answer; check {self._setting} and that it runs.") from error

    def _here(self) -> str:
        return f"{self.name} at {self.url}"

    def _body(self, answer: requests.Response, what: str, deadline: float, slow: ToolError) -> bytes:
        """The whole body, unless it is too large or comes too slowly."""
        body = bytearray()
        while chunk := answer.raw.read1(
            _CHUNK, decode_content=True
        ):  # what came so far, so that the clock is looked at
            body += chunk
            if len(body) > MAX_BYTES:
                raise ToolError(what, f"the answer is larger than {MAX_BYTES // 1_000_000} MB; ask for less")
            if time.monotonic() > deadline:
                raise slow
        return bytes(body)

    def _json(self, answer: requests.Response, body: bytes, what: str) -> Any:
        status = answer.status_code
        if answer.is_redirect or 300 <= status < 400:
            raise ToolError(
                what, f"{self._here()} redirects elsewhere, perhaps to a login page; correct {self._setting}"
            )
        if status == 401:
            form = "http://user:password@host or http://bearer:TOKEN@host"
            raise Forbidden(what, f"{self.name} wants other credentials (401); write {self._setting} as {form}")
        if status == 403:
            raise Forbidden(what, f"{self.name} forbids it to this account (403)")
        try:
            said = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            if status == 404:
                raise Absent(what, f"{self.url} has no such API; correct {self._setting}") from error
            if status >= 500:
                raise ToolError(what, f"{self.name} or a proxy before it failed ({status})") from error
            why = f"{self._here()} answers with something else than JSON; is that {self.name}, or a proxy's page?"
            raise ToolError(what, why) from error
        if status >= 400:
            raise Rejected(what, f"{self.name} refused it ({status})", said)
        return said


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _NoAuth(requests.auth.AuthBase):
    """Keeps requests from looking into ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _without_credentials(url: str) -> tuple[str, requests.auth.AuthBase]:
    parts = urlsplit(url.rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    bare = urlunsplit((parts.scheme, host, parts.path, "", ""))
    user, _, password = userinfo.partition(":")
    if not userinfo:
        return bare, _NoAuth()
    if user in ("", "bearer"):
        return bare, _Bearer(unquote(password))
    return bare, requests.auth.HTTPBasicAuth(unquote(user), unquote(password))
