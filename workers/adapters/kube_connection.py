"""One Kubernetes API over the kubernetes client: a request, and its answer or how it failed."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from core.errors import Unreachable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

CONNECT_S = 2.0
CONNECTIONS = 16


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Lost(Exception):
    """The request may have arrived, and no whole answer came back."""

    def __init__(self, how: Literal["slow", "broke off", "tls", "garbled"], sent: bool = True) -> None:
        super().__init__(how)
        self.how = how
        self.sent = sent  # False when it is certain that nothing was


class Stream:
    """An answer that goes on: its lines as they come."""

    def __init__(self, status: int, headers: Mapping[str, str], response: Any) -> None:
        self.status, self.headers, self._response = status, headers, response
        self._closed = False

    def lines(self) -> Iterator[bytes]:
        """Whole lines, without their ends. Raises: Lost when it breaks off, also in a line, without having been
        closed."""
        from urllib3 import exceptions as urllib3

        rest = b""
        try:
            for chunk in self._response.stream(65_536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from filter(None, lines)
            if rest and not self._closed:
                raise Lost("broke off")
        except urllib3.ReadTimeoutError as error:
            if not self._closed:
                raise Lost("slow") from error
        except (urllib3.HTTPError, OSError, ValueError) as error:  # ValueError: closed by another thread
            if not self._closed:
                raise Lost("broke off") from error
        finally:
            self._response.close()

    def body(self) -> bytes:
        """All of it at once; for refusals, which are short."""
        from urllib3 import exceptions as urllib3

        try:
            return bytes(self._response.data)
        except (urllib3.HTTPError, OSError) as error:
            raise Lost("broke off") from error

    def close(self) -> None:
        """End it from another thread: whoever reads `lines` comes back."""
        self._closed = True
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # it has ended already
            self._response.shutdown()


class Connection:
    """Safe to use from many threads."""

    def __init__(self, context: str, configuration: Configuration) -> None:
        from kubernetes.client import ApiClient

        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.retries = False  # so that a refusal is seen as it is, and redirects are not followed
        self.context = context
        self.server = str(configuration.host)
        self._client: ApiClient = ApiClient(configuration)

    def __str__(self) -> str:
        return f"The Kubernetes API of context {self.context} at {self.server}"

    def send(
        self, method: str, path: str, query: Mapping[str, str | int], timeout_s: float, *, body: object = None,
        headers: Mapping[str, str] | None = None, fresh: bool = False,
    ) -> Answer:  # fmt: skip
        """One request, sent once; with `fresh` over a new connection.

        Raises: Unreachable when nothing was sent; Lost when there is no whole answer.
        """
        kind = {"Content-Type": "application/json"} if body else {}
        sent = {"Accept": "application/json", "Accept-Encoding": "gzip"} | kind | dict(headers or {})
        if fresh:
            self._client.rest_client.pool_manager.clear()
        with self._told():
            answer = self._call(method, path, query, body, sent, timeout_s)
            return Answer(answer.status, answer.headers, answer.read())

    def stream(self, path: str, query: Mapping[str, str | int], timeout_s: float) -> Stream:
        """One GET whose answer goes on; `timeout_s` is the longest silence in it.

        Raises: Unreachable when nothing was sent; Lost when no answer began.
        """
        with self._told():
            answer = self._call("GET", path, query, None, {"Accept": "application/json"}, timeout_s)
            return Stream(answer.status, answer.headers, answer.response)

    def _call(
        self, method: str, path: str, query: Mapping[str, str | int], body: object, headers: dict[str, str],
        timeout_s: float,
    ) -> Any:  # fmt: skip
        method, url, sent, content, _ = self._client.param_serialize(
            method, path, query_params=list(query.items()), body=body, header_params=headers,
            auth_settings=["BearerToken"],
        )  # fmt: skip
        return self._client.call_api(method, url, sent, content, _request_timeout=(CONNECT_S, timeout_s))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the client raises, in our words."""
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3 import exceptions as urllib3

        try:
            yield
        except urllib3.ProtocolError as error:
            raise Lost("broke off") from error
        except (urllib3.ConnectTimeoutError, urllib3.NewConnectionError, urllib3.ProxyError) as error:
            raise Unreachable(f"{self} cannot be reached; check the address and the network.") from error
        except urllib3.ReadTimeoutError as error:
            raise Lost("slow") from error
        except (ApiException, urllib3.SSLError, OSError) as error:  # the client hides TLS trouble in an ApiException
            raise Lost("tls", sent=not _distrusted(error)) from error
        except urllib3.HTTPError as error:
            raise Lost("garbled") from error
        except ConfigException as error:  # when a credential is renewed
            raise Unreachable(f"{self}: the credentials could not be renewed; log in again.") from error

    def tls_failed(self) -> Unreachable:
        return Unreachable(f"{self} fails the TLS check; check certificate-authority and the address.")


def _distrusted(error: BaseException | None) -> bool:
    """Whether the server's certificate was refused, which happens before anything is sent."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or any(
            isinstance(each, ssl.SSLCertVerificationError) for each in error.args
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def seconds(retry_after: str | None, default: float) -> float:
    """What a Retry-After header asks for."""
    return float(retry_after) if retry_after and retry_after.isdigit() else default
