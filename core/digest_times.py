"""Which channels get a digest and when: the file's, unless somebody set it otherwise in Slack."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from core.digest_settings import DigestTime
from core.model import Model, Moment
from core.records import Records
from core.redis import as_text

_SET = "sre:digest-times"  # channel to what was set there


class _Set(Model):
    time: DigestTime | None  # None: no digest, whatever the file says
    at: Moment  # when it was set


def digest_times(records: Records) -> Mapping[str, DigestTime]:
    """Channel to when it gets its digest; one that somebody switched off is not in it."""
    times: dict[str, DigestTime | None] = dict(records.settings.config.channels.digests)
    times |= {as_text(channel): _read(raw).time for channel, raw in records.redis.hgetall(_SET).items()}
    return {channel: time for channel, time in times.items() if time}


def set_digest_time(records: Records, channel: str, time: DigestTime | None) -> None:
    """Let this hold for a channel from now on, whatever the file says; None switches its digest off."""
    records.redis.hset(_SET, channel, _Set(time=time, at=records.now()).model_dump_json())


def zone_of(records: Records, channel: str) -> ZoneInfo:
    """The zone of a channel's digest, else of the first that there is, else UTC."""
    times = digest_times(records)
    return (times.get(channel) or next(iter(times.values()), DigestTime())).tz


def forget_digest_time(records: Records, channel: str) -> None:
    """Let the file's hold again."""
    records.redis.hdel(_SET, channel)


def set_at(records: Records, channel: str) -> datetime | None:
    """When somebody set a channel's time; None: it is the file's. What was due before then is not made up for."""
    raw = records.redis.hget(_SET, channel)
    return _read(raw).at if raw else None


def _read(raw: object) -> _Set:
    return _Set.model_validate_json(as_text(raw))
