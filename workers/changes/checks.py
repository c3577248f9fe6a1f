"""What the doctor says of the collector: since when it watches, how far it is behind, what it missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from core.change_events import ChangeEvents
from core.errors import SreError
from core.settings import Settings
from workers.changes.kinds import RIGHTS
from workers.changes.state import lag, watching
from workers.triage.objects import duration, plural

BEHIND = timedelta(minutes=6)  # a quiet kind is heard of each minute, or where bookmarks are not sent every four
_LATELY = timedelta(days=1)
Said = tuple[Literal["ok", "warn", "fail"], str]


def checks(settings: Settings, now: datetime) -> Iterator[Said]:
    """One line for each cluster, and one for each thing that is wrong. Raises: Unreachable, ConfigError."""
    from core.redis import connect, release

    client = connect(settings)
    names = tuple(settings.config.clusters) or ("",)
    watched = {each.cluster: each for each in watching(client, names)}
    gaps = ChangeEvents(client).gaps(now - _LATELY, now)
    release(settings, client)
    for name in names:
        which = f" of {name}" if name else ""
        held = watched.get(name)
        if held is None:
            yield "warn", f"changes{which} were never followed; start `sre-bot cron`."
            continue
        behind = lag(held, now)
        since = f"changes{which} are followed since {held.since:%d %b %H:%M} UTC"
        if not held.held or behind > BEHIND:
            yield (
                "warn",
                f"{since}, but last heard of {duration(behind.total_seconds())} ago; is `sre-bot cron` running?",
            )
        else:
            yield "ok", f"{since}, last heard of {duration(behind.total_seconds())} ago"
        mine = [gap for gap in gaps if gap.cluster == name]
        if mine:
            longest = max(mine, key=lambda gap: gap.end - gap.start)
            lasted = duration((longest.end - longest.start).total_seconds())
            yield "warn", f"{plural(len(mine), 'gap')}{which} in the last day, the longest {lasted}: {longest.why}."
        yield from _rights(settings, name, which)


def _rights(settings: Settings, name: str, which: str) -> Iterator[Said]:
    from workers.adapters.kubernetes import open_cluster

    try:
        cluster = open_cluster(settings, name or None)
        missing = [resource for group, resource in RIGHTS if not cluster.may("watch", group, resource)]
    except SreError:
        return  # the lines on Kubernetes say why
    if missing:
        yield (
            "warn",
            f"the reader{which} may not watch {', '.join(missing)}, so their changes are not seen; "
            "deploy/rbac/reader.yaml has the role.",
        )
