"""Alerts in groups, each with its own pace of notifications, posted to a webhook, and to PagerDuty, until taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import aiohttp

from sandbox.alertmanager.model import NEVER, Alert, Json
from sandbox.alertmanager.pager import Pager
from sandbox.alertmanager.silences import Silences
from sandbox.clock import Clock, rfc3339

RETRY_S, LONGEST_RETRY_S = 0.2, 5.0  # real seconds between tries
LEAST_TIMEOUT_S = 10.0  # Alertmanager tries at least so long before it waits for the next interval
RECEIVER = "sre-bot"


@dataclass(frozen=True)
class Route:
    """How alerts are grouped and how often a group is notified about; in seconds of the company's time."""

    group_by: tuple[str, ...] = ("alertname", "namespace", "service")
    group_wait_s: float = 1.0
    group_interval_s: float = 5.0
    repeat_interval_s: float = 4 * 3600.0


@dataclass
class Notified:
    """What the last notification of a group, through one integration, said."""

    at: float
    firing: frozenset[str]
    resolved: frozenset[str]


@dataclass
class Group:
    labels: dict[str, str]
    alerts: dict[str, Alert] = field(default_factory=dict)
    last: dict[str, Notified] = field(default_factory=dict)  # by integration

    @property
    def key(self) -> str:
        inner = ", ".join(f'{k}="{v}"' for k, v in sorted(self.labels.items()))
        return f"{{}}:{{{inner}}}"


class Dispatcher:
    """Every group, each running its own course. `url` may be set later; until then nothing can be delivered."""

    def __init__(self, clock: Clock, silences: Silences, route: Route, token: str, external_url: str = "") -> None:
        self.url: str | None = None
        self.pager: Pager | None = None
        self.external_url = external_url
        self.route = route
        self.groups: dict[tuple[tuple[str, str], ...], Group] = {}
        self._clock, self._silences, self._token = clock, silences, token
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    def receive(self, alert: Alert) -> None:
        """Take in an alert, new or known. Must be called on the event loop."""
        labels = {name: alert.labels[name] for name in self.route.group_by if name in alert.labels}
        key = tuple(sorted(labels.items()))
        group = self.groups.get(key)
        if group is None:
            if alert.resolved_at(self._clock.now()):
                return
            group = self.groups[key] = Group(labels)
            task = asyncio.get_running_loop().create_task(self._run(key, group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        group.alerts[alert.fingerprint] = alert

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def _run(self, key: tuple[tuple[str, str], ...], group: Group) -> None:
        await self._clock.sleep(self.route.group_wait_s)
        while group.alerts:
            due = self._clock.now() + self.route.group_interval_s
            await self._flush(group)
            await self._clock.sleep(due - self._clock.now())
        del self.groups[key]

    async def _flush(self, group: Group) -> None:
        """Notify about a group if there is news, and forget what has ended and been told."""
        now = self._clock.now()
        snapshot = dict(group.alerts)
        told = [a for a in snapshot.values() if not self._silences.muting(a.labels, now)]
        firing = frozenset(a.fingerprint for a in told if not a.resolved_at(now))
        resolved = frozenset(a.fingerprint for a in told if a.resolved_at(now))
        news = Notified(now, firing, resolved)
        ended = [replace(a, ends_at=a.ends_at if a.resolved_at(now) else 0.0) for a in told]
        kinds = [k for k in self._integrations() if self._is_news(group.last.get(k), firing, resolved, now)]
        if not all(await asyncio.gather(*(self._notify(k, group, ended, news) for k in kinds))):
            return
        for name, alert in snapshot.items():
            if alert.resolved_at(now) and group.alerts.get(name) is alert:
                del group.alerts[name]

    def _integrations(self) -> list[str]:
        """A webhook without an address is waited for, unless there is somebody else to tell."""
        return [k for k, there in (("webhook", self.url or not self.pager), ("pagerduty", self.pager)) if there]

    async def _notify(self, kind: str, group: Group, alerts: list[Alert], news: Notified) -> bool:
        payload = self.payload(group, alerts)
        if kind == "pagerduty" and self.pager:
            taken = await self._deliver(self.pager.event(payload), self.pager.url)
        else:
            taken = await self._deliver(payload, None)
        if taken:
            group.last[kind] = news
        return taken

    def _is_news(self, last: Notified | None, firing: frozenset[str], resolved: frozenset[str], now: float) -> bool:
        if last is None:
            return bool(firing)
        if not firing:
            return bool(last.firing) and bool(resolved)
        if not firing <= last.firing or not resolved <= last.resolved:
            return True
        return now - last.at >= self.route.repeat_interval_s

    def payload(self, group: Group, alerts: Iterable[Alert]) -> Json:
        """The webhook's body, version 4. An `ends_at` of 0 says that the alert is firing."""
        ordered = sorted(alerts, key=lambda a: (a.starts_at, sorted(a.labels.items())))
        listed = [_alert(a) for a in ordered]
        return {
            "receiver": RECEIVER,
            "status": "firing" if any(a["status"] == "firing" for a in listed) else "resolved",
            "alerts": listed,
            "groupLabels": group.labels,
            "commonLabels": _common([a.labels for a in ordered]),
            "commonAnnotations": _common([a.annotations for a in ordered]),
            "externalURL": self.external_url,
            "version": "4",
            "groupKey": group.key,
            "truncatedAlerts": 0,
        }

    async def _deliver(self, payload: Json, url: str | None) -> bool:
        """Post until it is taken; False once the group's time is up or the receiver refuses for good.

        Args:
            url: None for the webhook, whose address may be set meanwhile.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + max(self.route.group_interval_s / self._clock.speed, LEAST_TIMEOUT_S)
        wait = RETRY_S
        while loop.time() < deadline:
            status = await self._post(payload, url)
            if status is not None and status // 100 == 2:
                return True
            if status is not None and status // 100 != 5 and status != 429:
                return False
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_RETRY_S)
        return False

    async def _post(self, payload: Json, url: str | None) -> int | None:
        """The answer's status; None when nobody answers."""
        address = url or self.url
        if address is None:
            return None
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        headers = {"User-Agent": "Alertmanager/0.25.0"}
        if url is None:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            async with self._http.post(address, json=payload, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return None


def _alert(alert: Alert) -> Json:
    return {
        "status": "resolved" if alert.ends_at else "firing",
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": rfc3339(alert.ends_at) if alert.ends_at else NEVER,
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }


def _common(all_of: list[dict[str, str]]) -> dict[str, str]:
    first, *others = all_of
    return {k: v for k, v in first.items() if all(o.get(k) == v for o in others)}
