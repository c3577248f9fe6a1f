"""JSON from and to one of the team's own servers: what Prometheus and Alertmanager share."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import orjson
import requests
import urllib3

from core.errors import (
    Absent,
    ConfigError,
    Conflict,
    Forbidden,
    Refused,
    SreError,
    ToolError,
    Transient,
    Unclear,
    Unreachable,
)

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

    def write(self, method: str, path: str, body: object, what: str) -> Any:
        """The JSON answer to a write, which is sent once; None when there is none.

        Args:
            what: What is being written, for the error: "a silence".

        Raises: Unreachable when nothing was sent, Unclear when the answer was lost, Transient when the server puts it
            off, Conflict, and Refused when it says no.
        """
        unclear = Unclear(f"{self._here()} took the write of {what} and its answer was lost; look at what is there.")
        try:
            # A kept connection that breaks as it is used would leave it open whether the write arrived.
            with requests.Session() as session:
                answer = session.request(
                    method, f"{self.url}{path}", json=body, auth=self._session.auth,
                    timeout=(CONNECT_S, self._timeout_s), allow_redirects=False,
                )  # fmt: skip
        except requests.exceptions.RequestException as error:
            if _never_sent(error):
                raise Unreachable(f"{self._here()} does not answer; check {self._setting} and that it runs.") from error
            raise unclear from error
        if not answer.ok or answer.is_redirect:
            raise self._no(answer, what, unclear)
        try:
            return orjson.loads(answer.content) if answer.content else None
        except orjson.JSONDecodeError as error:
            raise unclear from error

    def _no(self, answer: requests.Response, what: str, unclear: Unclear) -> SreError:
        status, later = answer.status_code, answer.headers.get("Retry-After", "")
        if status == 409:
            return Conflict(f"Somebody else changed {what} at the same time.")
        if status == 429 or (status == 503 and later):
            why = f"{self._here()} puts off the write of {what} ({status}); try again later."
            return Transient(why, float(later) if later.isdigit() else 1.0)
        return unclear if status >= 500 else Refused(f"{self._here()} refuses the write of {what}", str(status))

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


def _never_sent(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection came about, or none that is trusted."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    distrusted = isinstance(reason, urllib3.exceptions.SSLError) and any(
        isinstance(each, ssl.SSLCertVerificationError) for each in reason.args
    )
    return (
        isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError) or distrusted
    )


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
