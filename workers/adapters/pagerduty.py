"""PagerDuty's REST API v2 and Events API v2, through pdpyras; nothing else imports it (docs/decisions/pdpyras.md).

pdpyras waits and tries again by itself, a 429 without end: all of that is switched off, since waiting is the queue's.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.errors import Absent, Forbidden, NotFound, Refused, SreError, ToolError, Transient, Unreachable
from core.page import Acknowledgement, Choice, OnCall, Page, Person, Shift
from core.paging import merged_into, person_of, title_of
from core.settings import Settings
from workers.ports import LogLine, Note, PagedAlert

if TYPE_CHECKING:
    from pdpyras import APISession

TIMEOUT_S = (3.0, 10.0)  # to connect, to answer
_SETUP_S = 600.0  # escalation policies of services and routing keys change rarely
_AHEAD = timedelta(days=8)  # who comes after this week's shift
_NO_RETRY = -2  # pdpyras: give the answer as it is, at once; 0 would mean "without end" for 429
_MOST_ALERTS = 200
_Json = dict[str, Any]


class PagerDutyAdapter:
    """Implements workers.ports.PagerDuty."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.pagerduty_api_url.rstrip("/")
        self._known = settings.secrets()
        self._session: APISession | None = None
        self._kept: dict[str, tuple[float, _Json]] = {}

    # reads

    def page(self, page_id: str) -> Page:
        return self._page(self._ask("GET", f"incidents/{page_id}")["incident"])

    def find_page(self, dedup: str) -> Page | None:
        query = {"incident_key": dedup, "statuses": ["triggered", "acknowledged"], "date_range": "all"}
        found = self._ask("GET", "incidents", params=query)["incidents"]
        return self._page(found[0]) if found else None

    def alerts(self, page_id: str) -> tuple[PagedAlert, ...]:
        listed = self._all(f"incidents/{page_id}/alerts", {}, "alerts")
        return tuple(_alert(raw) for raw, _ in zip(listed, range(_MOST_ALERTS), strict=False))

    def notes(self, page_id: str) -> tuple[Note, ...]:
        return tuple(
            Note(id=str(raw["id"]), text=str(raw.get("content") or ""), author=str((raw.get("user") or {}).get("id")),
                 at=_moment(raw["created_at"]))
            for raw in self._ask("GET", f"incidents/{page_id}/notes")["notes"]
        )  # fmt: skip

    def log(self, page_id: str, since: datetime) -> tuple[LogLine, ...]:
        listed = self._all(f"incidents/{page_id}/log_entries", {"since": since.isoformat()}, "log_entries")
        return tuple(
            LogLine(kind=str(raw.get("type", "")).removesuffix("_log_entry"),
                    agent=str((raw.get("agent") or {}).get("id")), at=_moment(raw["created_at"]))
            for raw in listed
        )  # fmt: skip

    def user_by_email(self, email: str) -> Person | None:
        listed = self._all("users", {"query": email}, "users")
        return next((person_of(raw) for raw in listed if str(raw.get("email", "")).lower() == email.lower()), None)

    def user(self, user_id: str) -> Person | None:
        return person_of(self._ask("GET", f"users/{user_id}")["user"])

    def policies(self) -> tuple[Choice, ...]:
        listed = self._all("escalation_policies", {}, "escalation_policies")
        return tuple(Choice(id=str(raw["id"]), name=str(raw.get("name") or raw["id"])) for raw in listed)

    def on_call(self, services: Mapping[str, str], now: datetime) -> tuple[OnCall, ...]:
        policies = {}
        for name, service_id in services.items():
            with contextlib.suppress(Absent):  # gone; the doctor says so
                policies[name] = str(self._service(service_id)["escalation_policy"]["id"])
        wanted = sorted(set(policies.values()))
        entries = list(self._oncalls(wanted, (now, now + _AHEAD))) if wanted else []
        return tuple(
            _on_call(name, [e for e in entries if e["escalation_policy"]["id"] == policy], now)
            for name, policy in policies.items()
        )

    def check(self) -> None:
        self._ask("GET", "priorities", params={"limit": 1})

    def service_name(self, service_id: str) -> str:
        return str(self._service(service_id).get("name") or service_id)

    # writes

    def acknowledge(self, page_id: str, by: str) -> Page:
        return self._put(page_id, by, status="acknowledged")

    def resolve(self, page_id: str, by: str) -> Page:
        return self._put(page_id, by, status="resolved")

    def escalate(self, page_id: str, by: str) -> Page:
        return self._put(page_id, by, escalation_level=self._next_level(page_id))

    def note(self, page_id: str, text: str, by: str) -> str:
        made = self._ask("POST", f"incidents/{page_id}/notes", by, json={"note": {"content": text}})["note"]
        return str(made["id"])

    def ask_to_help(self, page_id: str, target: str, text: str, by: Person) -> None:
        kind, target_id = _target(target)
        one = {"responder_request_target": {"id": target_id, "type": f"{kind}_reference"}}
        body = {"requester_id": by.id, "message": text, "responder_request_targets": [one]}
        self._ask("POST", f"incidents/{page_id}/responder_requests", by.email, json=body)

    def open(self, service_id: str, title: str, details: str, dedup: str, target: str, by: str) -> Page:
        kind, target_id = _target(target)
        reference = {"id": target_id, "type": f"{kind}_reference"}
        body: _Json = {
            "type": "incident", "title": title, "service": {"id": service_id, "type": "service_reference"},
            "incident_key": dedup, "body": {"type": "incident_body", "details": details},
        }  # fmt: skip
        body |= {"assignments": [{"assignee": reference}]} if kind == "user" else {"escalation_policy": reference}
        return self._page(self._ask("POST", "incidents", by, json={"incident": body})["incident"])

    def trigger(self, service_id: str, title: str, details: Mapping[str, str], dedup: str, link: str | None) -> None:
        pdpyras = _pdpyras()
        session = _bounded(pdpyras.EventsAPISession(self._routing_key(service_id)), events_url(self._url))
        links = [{"href": link, "text": "The thread in Slack"}] if link else None
        _calling(
            lambda: session.trigger(
                title[:1024], "sre-bot", dedup_key=dedup, severity="critical", custom_details=dict(details), links=links
            ),
            "to open an incident",
        )

    # the inside

    def _put(self, page_id: str, by: str, **changes: Any) -> Page:
        body = {"incident": {"type": "incident_reference", **changes}}
        return self._page(self._ask("PUT", f"incidents/{page_id}", by, json=body)["incident"])

    def _next_level(self, page_id: str) -> int:
        """The level after the one whose people have it now. PagerDuty does not say which that is."""
        raw = self._ask("GET", f"incidents/{page_id}")["incident"]
        levels: dict[int, set[str]] = {}
        for entry in self._oncalls([raw["escalation_policy"]["id"]]):
            levels.setdefault(int(entry["escalation_level"]), set()).add(str(entry["user"]["id"]))
        have = {str(each["assignee"]["id"]) for each in raw.get("assignments") or ()}
        exact = [level for level in sorted(levels) if levels[level] == have]
        near = [level for level in sorted(levels) if levels[level] & have]
        held = next(iter(exact or near), 0)
        above = [level for level in sorted(levels) if level > held and levels[level] != have]
        if not above:
            raise Refused("PagerDuty has no further level to escalate to", "last_level")
        return above[0]

    def _oncalls(self, policies: list[str], span: tuple[datetime, datetime] | None = None) -> Iterator[_Json]:
        """All levels, in a span of time or at this moment."""
        query: _Json = {"escalation_policy_ids": policies, "include": ["users"], "time_zone": "UTC"}
        if span:
            query |= {"since": span[0].isoformat(), "until": span[1].isoformat()}
        return self._all("oncalls", query, "oncalls")

    def _service(self, service_id: str) -> _Json:
        held = self._kept.get(service_id)
        if held is None or time.monotonic() - held[0] > _SETUP_S:
            found = self._ask("GET", f"services/{service_id}", params={"include": ["integrations"]})["service"]
            self._kept[service_id] = held = time.monotonic(), found
        return held[1]

    def _routing_key(self, service_id: str) -> str:
        for integration in self._service(service_id).get("integrations") or ():
            if "events_api_v2" in str(integration.get("type")) and integration.get("integration_key"):
                return str(integration["integration_key"])
        raise Refused("The PagerDuty service has no integration of the type Events API V2; add one", "no_integration")

    def _page(self, raw: _Json) -> Page:
        held = raw.get("acknowledgements") or ()
        acks = ((person_of(each.get("acknowledger")), _moment(each["at"])) for each in held)
        return Page(
            id=str(raw["id"]), number=int(raw.get("incident_number") or 0), title=title_of(raw.get("title"),
            self._known), html_url=str(raw.get("html_url") or ""), service=str(raw["service"]["id"]),
            key=str(raw.get("incident_key") or ""), status=raw["status"], urgency=raw.get("urgency") or "high",
            priority=str((raw.get("priority") or {}).get("summary") or "") or None,
            assigned=tuple(p for a in raw.get("assignments") or () if (p := person_of(a.get("assignee")))),
            acknowledgements=tuple(Acknowledgement(by=who, at=at) for who, at in acks if who),
            as_of=_moment(raw.get("updated_at") or raw["last_status_change_at"]), merged_into=merged_into(raw),
        )  # fmt: skip

    def _all(self, path: str, query: _Json, name: str) -> Iterator[_Json]:
        """Every entry of a list, read in pages of 100."""
        offset, more = 0, True
        while more:
            answer = self._ask("GET", path, params={**query, "limit": 100, "offset": offset})
            yield from answer[name]
            more, offset = bool(answer.get("more")), offset + 100

    def _ask(self, method: str, path: str, by: str | None = None, **content: Any) -> _Json:
        """The JSON that a request is answered with. Raises as workers.ports.PagerDuty says."""
        if self._session is None:
            key = self._settings.pagerduty_api_key
            if key is None:
                raise Unreachable("PagerDuty is not set up: set PAGERDUTY_API_KEY.")
            self._session = _bounded(_pdpyras().APISession(key.get_secret_value()), self._url)
        session, headers = self._session, {"From": by} if by else {}
        what = f"to {'read' if method == 'GET' else 'change'} {path.split('/', maxsplit=1)[0].replace('_', ' ')}"
        answer = _calling(lambda: session.request(method, path, headers=headers, **content), what)
        if not answer.ok:
            raise _refusal(answer, what, reads=method == "GET")
        try:
            found = answer.json() if answer.content else {}
        except ValueError as error:
            raise Transient(f"PagerDuty answered {what} with something else than JSON.", 30.0) from error
        return found if isinstance(found, dict) else {}


def events_url(api_url: str) -> str:
    """Where events go: PagerDuty has a host of its own for them in each region; elsewhere it is the same."""
    host = urlsplit(api_url).hostname or ""
    is_its_own = host.startswith("api.") and host.endswith("pagerduty.com")
    return f"https://events.{host.removeprefix('api.')}" if is_its_own else api_url


def _pdpyras() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*pdpyras.*")  # at import it recommends its successor
        import pdpyras
    return pdpyras


def _bounded(session: Any, url: str) -> Any:
    """The session, made to ask once."""
    import logging

    session.url, session.timeout = url, TIMEOUT_S
    session.retry, session.max_network_attempts = {429: _NO_RETRY}, 0
    session.auth = lambda request: request  # else a line of ~/.netrc would replace the key
    session.log = logging.getLogger("pdpyras.bounded")
    session.log.disabled = True  # each of its errors is ours to tell
    return session


def _calling(request: Callable[[], Any], what: str) -> Any:
    """Make a request; every way in which pdpyras can fail becomes one of our errors."""
    pdpyras = _pdpyras()
    try:
        return request()
    except pdpyras.PDHTTPError as error:
        raise _refusal(error.response, what, reads=False) from error
    except (pdpyras.PDClientError, pdpyras.URLError, OSError) as error:
        raise Transient(f"PagerDuty did not answer the request {what}.", 2.0) from error


def _refusal(answer: Any, what: str, *, reads: bool) -> SreError:
    status = answer.status_code
    try:
        said = answer.json()
        code = said["error"].get("code") if isinstance(said.get("error"), dict) else said.get("status")
    except (ValueError, AttributeError):
        code = None
    if status == 401:
        return Unreachable("PagerDuty refuses the API key; correct PAGERDUTY_API_KEY.")
    if status == 429 or status >= 500:
        reset = answer.headers.get("ratelimit-reset", "")
        return Transient(f"PagerDuty puts off the request {what} ({status}).",
                         min(float(reset), 120.0) if reset.isdigit() else 5.0)  # fmt: skip
    if status == 404:
        return Absent("PagerDuty", "there is no such thing there") if reads else NotFound("PagerDuty has it no more.")
    if reads and status == 403:
        return Forbidden("PagerDuty", "the API key may not read it")
    if reads:
        return ToolError("PagerDuty", f"it refused the request {what} ({status})")
    return Refused("PagerDuty refused", str(code or status))


def _target(target: str) -> tuple[str, str]:
    """ "policy:P1" or a user's id, as kind and id."""
    kind, _, target_id = target.rpartition(":")
    return ("escalation_policy" if kind == "policy" else "user"), target_id


def _alert(raw: _Json) -> PagedAlert:
    body = raw.get("body") or {}
    cef = body.get("cef_details") or {}
    details = body.get("details") or cef.get("details") or {}
    return PagedAlert(
        summary=str(raw.get("summary") or ""), severity=str(raw.get("severity") or ""),
        details={str(k): str(v) for k, v in details.items()} if isinstance(details, dict) else {},
        client_url=str(cef.get("client_url") or ""), source=str(cef.get("source_origin") or ""),
        is_open=raw.get("status") != "resolved",
    )  # fmt: skip


def _on_call(service: str, entries: Iterable[_Json], now: datetime) -> OnCall:
    first = [e for e in entries if int(e["escalation_level"]) == 1]
    spans = [(_time(e.get("start")), _time(e.get("end")), person_of(e["user"])) for e in first]
    current = [
        (end, who) for start, end, who in spans if who and (not start or start <= now) and (not end or end > now)
    ]
    ends = [end for end, _ in current if end]
    later = [(start, end, who) for start, end, who in spans if who and start and ends and start >= min(ends)]
    soonest = min((start for start, _, _ in later), default=None)
    people: dict[str, Shift] = {}
    for end, who in current:
        people.setdefault(who.id, Shift(who=who, until=end))
    then = {who.id: Shift(who=who, until=end) for start, end, who in later if start == soonest}
    return OnCall(service=service, now=tuple(people.values()), then=tuple(then.values()), read_at=now)


def _time(raw: Any) -> datetime | None:
    return _moment(raw) if raw else None


def _moment(raw: Any) -> datetime:
    read = datetime.fromisoformat(str(raw))
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
