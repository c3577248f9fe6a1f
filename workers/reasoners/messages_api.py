"""Anthropic's Messages API through its SDK: one streamed turn at a time, asked again while it is worth asking."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.errors import Unreachable
from core.log import get_logger
from workers.reasoners.budget import Spent

if TYPE_CHECKING:
    from anthropic import APIStatusError
    from anthropic.types import ParsedMessage

CONNECT_S, SILENCE_S = 5.0, 60.0  # the API sends a ping every few seconds while it thinks
_PASSING = frozenset({"overloaded_error", "api_error", "timeout_error", "rate_limit_error", "gateway_timeout_error"})
log = get_logger(__name__)


@dataclass(frozen=True)
class Backoff:
    """How long to keep asking an API that does not answer."""

    first_s: float = 0.5
    longest_s: float = 8.0
    give_up_s: float = 45.0  # guessed: longer than most overloads, shorter than somebody woken at night waits


class _Broken(Exception):
    """The stream ended before the message did."""


@dataclass(frozen=True)
class _Later:
    """Worth asking again: what happened, in a few words, and the wait that the API asked for."""

    what: str
    wait_s: float | None = None


class MessagesApi:
    """One client for one case. Its own retries are off: they know neither dropped streams nor our budget."""

    def __init__(self, api_key: str, base_url: str | None, model: str, backoff: Backoff) -> None:
        import anthropic
        import httpx2

        self._base_url = base_url
        self._model = model
        self._backoff = backoff
        # Redirects are not followed, so that no case is told to another host.
        http = anthropic.DefaultHttpxClient(verify=_tls(), follow_redirects=False)
        self._client = anthropic.Anthropic(
            api_key=api_key, base_url=base_url, max_retries=0, http_client=http,
            timeout=httpx2.Timeout(SILENCE_S, connect=CONNECT_S),
        )  # fmt: skip

    def __enter__(self) -> MessagesApi:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def turn(
        self, request: dict[str, Any], spent: Spent, latest: float, on_wait: Callable[[str], None]
    ) -> ParsedMessage[None]:
        """The model's whole answer to one request.

        Args:
            spent: Where what is used is counted, by broken attempts too.
            latest: The monotonic time at which nobody waits any longer.
            on_wait: Told before each wait what is waited for: "Claude is overloaded".

        Raises: Unreachable, with what to do about it.
        """
        import anthropic
        import httpx2

        began = time.monotonic()
        give_up = min(began + self._backoff.give_up_s, latest)
        attempt = 0
        while True:
            try:
                return self._stream(request, spent, latest)
            except anthropic.APIStatusError as error:
                later = self._judge(error)
            except (anthropic.APIError, httpx2.HTTPError) as error:
                log.warning("claude_connection", kind=type(error).__name__)
                later = _Later("Claude cannot be reached")
            except (_Broken, ValueError, RuntimeError) as error:  # the SDK's for events that make no message
                log.warning("claude_stream", kind=type(error).__name__)
                later = _Later("Claude's answer broke off")
            wait_s = later.wait_s if later.wait_s is not None else self._wait_s(attempt)
            if time.monotonic() + wait_s > give_up:
                tried = f"{later.what}, after {attempt + 1} {'tries' if attempt else 'try'}"
                raise Unreachable(
                    f"{tried} in {time.monotonic() - began:.0f} s; check {self._host()} and its status page."
                )
            on_wait(later.what)
            time.sleep(wait_s)
            attempt += 1

    def _stream(self, request: dict[str, Any], spent: Spent, latest: float) -> ParsedMessage[None]:
        counted = None
        try:
            with self._client.messages.stream(model=self._model, **request) as stream:
                for event in stream:
                    if event.type == "message_start":
                        counted = event.message.usage
                    if time.monotonic() > latest:
                        raise Unreachable("Claude took too long to answer.")
                message: ParsedMessage[None] = stream.get_final_message() if counted else _no_message()
            if message.stop_reason is None:
                raise _Broken
            counted = message.usage
            return message
        finally:
            if counted is not None:
                spent.add(counted)

    def _wait_s(self, attempt: int) -> float:
        return min(self._backoff.first_s * 2.0**attempt, self._backoff.longest_s) * random.uniform(0.75, 1.0)

    def _judge(self, error: APIStatusError) -> _Later:
        """What to wait for. Raises: Unreachable when asking again would not help."""
        status, code = error.status_code, error.error_code
        log.warning("claude_refused", status=status, type=error.type, code=code, request_id=error.request_id)
        passing = status in (408, 409, 429) or status >= 500 or (status == 200 and error.type in _PASSING)
        spending = status == 429 and code is not None and "limit_reached" in code
        if passing and not spending and error.response.headers.get("x-should-retry") != "false":
            overloaded = status in (429, 529) or error.type in ("overloaded_error", "rate_limit_error")
            what = "Claude is overloaded" if overloaded else "Claude's API fails"
            return _Later(f"{what} ({error.type if status == 200 else status})", _asked_wait(error))
        if status == 401:
            raise Unreachable("Claude does not accept ANTHROPIC_API_KEY (401); set a valid one.") from error
        if status == 404:
            raise Unreachable(
                f"{self._host()} knows no model {self._model} (404); set SRE_MODEL to one it has."
            ) from error
        if status in (402, 403) or spending:
            raise Unreachable(
                f"The Anthropic account may not use {self._model} now ({status}); check its limits."
            ) from error
        raise Unreachable(f"{self._host()} refuses the request ({status}); the log has its request id.") from error

    def _host(self) -> str:
        return f"Claude's API at {urlsplit(self._base_url or 'https://api.anthropic.com').hostname}"


def preload() -> None:
    """Import the SDK (1.9 s) and load the trusted certificates (0.05 s) before a worker forks."""
    import anthropic.resources.messages  # noqa: F401

    _tls()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    import httpx2

    return httpx2.create_ssl_context()


def _no_message() -> Any:
    raise _Broken


def _asked_wait(error: APIStatusError) -> float | None:
    """The seconds of a retry-after header; None without a readable one."""
    try:
        return max(float(error.response.headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return None
