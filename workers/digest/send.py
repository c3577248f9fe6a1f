"""Digests by the clock: each channel's once a date, also with two schedulers, and taken up again by the next look when
whoever began it died."""

from __future__ import annotations

from datetime import datetime

from blocks.digest import digest_view
from blocks.digest_thread import thread_view
from core.digest import Digest
from core.digest_due import covered_from, due_now
from core.digest_runs import DigestRuns, Run, message_key
from core.digest_settings import DigestTime
from core.digest_times import digest_times, set_at, zone_of
from core.errors import ConfigError, SreError, Unreachable
from core.log import get_logger
from core.outbox import Message, Picture
from core.records import Records
from workers.digest.making import make
from workers.digest.material import Period, known_since, scope
from workers.digest.picture import alt_text, picture
from workers.loop.shown import put
from workers.ports import Metrics
from workers.world import World

log = get_logger(__name__)


def send_due(world: World) -> None:
    """Send every digest that is due and was not sent. Safe to repeat, also at once."""
    records = world.records
    now = records.now()
    known_since(records)
    for channel, time in digest_times(records).items():
        day = due_now(time, now, set_at(records, channel))
        runs = DigestRuns(records.redis)
        if day is None or runs.is_done(channel, day):
            continue
        start = covered_from(time, day, runs.told_until(channel))
        run = runs.begin(Run(channel=channel, day=day, start=start, end=now))
        if run:
            _send(run, time, world, runs)


def _send(run: Run, time: DigestTime, world: World, runs: DigestRuns) -> None:
    try:
        period = Period(run.start, run.end, time.timezone, scope(run.channel, time, world.records.settings))
        digest = make(world.records, period, sources(world))
        post(digest, message_key(run.channel, run.day), run.channel, world.records)
    except SreError:
        runs.give_up(run)
        raise
    runs.finish(run)
    log.info("digest_sent", channel=run.channel, day=f"{run.day}")


def post(digest: Digest, key: str, channel: str, records: Records, *, greets: bool = True) -> None:
    """The message, its picture and its thread, as wishes under keys of their own. Safe to repeat."""
    shown = None
    if not digest.is_quiet and digest.alerts:
        shown = Picture(key=f"{key}/picture", alt_text=alt_text(digest), title="Alerts by hour and service")
        records.outbox.keep_picture(shown.key, picture(digest, records.settings.data_dir))
    put(Message(key=key, channel=channel, view=digest_view(digest, greets=greets), picture=shown), records)
    if not digest.is_quiet:
        put(Message(key=f"{key}/thread", channel=channel, view=thread_view(digest), under=key), records)


def sources(world: World) -> tuple[Metrics, ...]:
    """The Prometheus of every cluster, once each; none where the outside cannot be opened."""
    names = (*world.records.settings.config.clusters, None)
    try:
        found = (world.outside.metrics(name) for name in names)
        return tuple({each.url: each for each in found if each}.values())
    except (ConfigError, Unreachable) as error:
        log.warning("rules_not_read", why=str(error))
        return ()


def period_of(channel: str, start: datetime, end: datetime, records: Records) -> Period:
    """What somebody who asks in a channel is told of."""
    time = digest_times(records).get(channel)
    return Period(start, end, zone_of(records, channel).key, scope(channel, time, records.settings))
