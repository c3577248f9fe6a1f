"""Who may use the page: a browser on this machine that opened it by a loopback name.

The server listens on loopback alone, yet two ways lead there from any page that the same browser shows: a foreign
name that resolves to 127.0.0.1 (DNS rebinding; the Host header tells) and a form or script of a foreign page (the
Origin header tells).
"""

from __future__ import annotations

from ipaddress import ip_address

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from yarl import URL

_CONTENT = "; ".join((
    "default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
))  # fmt: skip
_HEADERS = {
    "Content-Security-Policy": _CONTENT,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_UPLOADED = {**_HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}  # a file is never a page of ours


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine: "localhost:8065", "127.0.0.1", "[::1]:8065"."""
    try:
        name = URL(f"http://{host}").host or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def same_origin(request: web.Request) -> bool:
    """Whether a request comes from a page of this very server, or from a program that says nothing of the kind."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None:
        return origin == f"http://{request.host}"
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign names everywhere, and under `/page/` foreign pages and bodies that a form could send."""
    if not is_loopback(request.host):
        raise web.HTTPMisdirectedRequest(text="This page is served on this machine only: open http://127.0.0.1.")
    if request.path.startswith("/page/"):
        if not same_origin(request):
            raise web.HTTPForbidden(text="Another page asked for this, so it was not done.")
        if request.method == hdrs.METH_POST and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Send JSON.")
    return await handler(request)


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Tell the browser what this response may do: run our own files, and nothing else."""
    response.headers.update(_UPLOADED if request.path.startswith("/files/") else _HEADERS)
