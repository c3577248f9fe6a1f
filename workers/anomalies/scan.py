"""Every few minutes: what left its normal, what came back, and what of it is an incident in shadow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from blocks.anomalies import title
from core.anomalies import Anomaly, Streak, anomaly_id
from core.anomaly_settings import AnomalyRules
from core.baselines import Baseline
from core.errors import Conflict, SreError
from core.log import get_logger
from core.noticing import calm_down, keep_joinable, open_in_shadow
from core.records import Records
from workers.anomalies.baseline import DAY_S, Distance, distance
from workers.anomalies.fates import concerns, judge
from workers.anomalies.learning import clusters_of
from workers.anomalies.looking import look
from workers.anomalies.streak import SCAN_EVERY_S, begins, ends, next_streak
from workers.ports import Metrics
from workers.world import World

log = get_logger(__name__)

_DUE = "sre:anomalies-scanned"
_STALE_S = 3 * DAY_S  # a normal that could not be learned again for so long is none
_MOST_OPEN = 3  # incidents in shadow at a time; guessed: when more is odd at once, the digest's lines tell it better


def scan(world: World) -> None:
    """Look once at every service, unless another scan just did. Safe to repeat. What does not answer is left out."""
    records, rules = world.records, world.records.settings.config.anomalies
    if not rules.enabled or not records.redis.set(_DUE, 1, nx=True, ex=SCAN_EVERY_S - 30):
        return
    for cluster in clusters_of(records):
        try:
            metrics = world.outside.metrics(cluster or None)
            if metrics is not None:
                look_at(cluster, metrics, records)
        except SreError as error:
            log.warning("not_scanned", cluster=cluster, why=str(error))
    judge(records)
    follow(records)


def look_at(cluster: str, metrics: Metrics, records: Records) -> None:
    """One look at one cluster. Raises: ToolError, Unreachable; then it is as if nobody had looked."""
    now, rules = records.now(), records.settings.config.anomalies
    held = records.baselines.of(cluster)
    watched = [b for b in held if not b.off and b.learned_at > now.timestamp() - _STALE_S]
    streaks = records.anomalies.streaks(cluster)
    for key in streaks.keys() - {b.key for b in watched}:
        _end(streaks[key], False, records)  # nothing tells any more
        records.anomalies.put_streak(cluster, *key, None)
    if not watched:
        return
    found = look(watched, metrics, now)
    for baseline in watched:
        value = found.values.get(baseline.key)
        far = None
        if value is not None:
            far = distance(baseline, value, now, rules.odd, found.per_s.get(baseline.service))
        before = streaks.get(baseline.key)
        streak = next_streak(before, far.score if far else None, now.timestamp(), rules.odd)
        if begins(streak) and streak and far and value is not None:
            streak = _begin(baseline, streak, far, value, metrics, records)
        elif streak and streak.anomaly:
            if ends(streak):
                _end(streak, baseline.learned_at > streak.since and baseline.level != 1.0, records)
                streak = None
            elif far and value is not None and not streak.quiet:
                _go_on(streak, far, value, records)
        if streak != before:
            records.anomalies.put_streak(cluster, *baseline.key, streak)


def _begin(b: Baseline, streak: Streak, far: Distance, value: float, metrics: Metrics, records: Records) -> Streak:
    now, began = records.now(), datetime.fromtimestamp(streak.since, UTC)
    rules = records.settings.config.anomalies
    anomaly = Anomaly(
        id=anomaly_id(b.cluster, b.service, b.signal, began), service=b.service, cluster=b.cluster, signal=b.signal,
        began=began, seen_at=now, strong_since=now if abs(far.score) >= rules.strong else None, value=value,
        worst=value, score=abs(far.score), normal=far.normal, low=far.low, high=far.high, query=b.query,
        link=metrics.link(b.query),
    )  # fmt: skip
    try:
        records.anomalies.save(anomaly)
    except Conflict:
        log.info("anomaly_known", anomaly=anomaly.id)  # whoever saved it died before the streak was kept
    return replace(streak, anomaly=anomaly.id)


def _go_on(streak: Streak, far: Distance, value: float, records: Records) -> None:
    now, rules = records.now(), records.settings.config.anomalies

    def change(held: Anomaly) -> Anomaly:
        strong = (held.strong_since or now) if abs(far.score) >= rules.strong else None
        update: dict[str, object] = {"seen_at": now, "value": value, "strong_since": strong}
        if abs(far.score) > held.score:
            update |= {"worst": value, "score": abs(far.score), "normal": far.normal, "low": far.low, "high": far.high}
        return held.model_copy(update=update)

    if records.anomalies.find(streak.anomaly):
        records.anomalies.update(streak.anomaly, change)


def _end(streak: Streak, adapted: bool, records: Records) -> None:
    """It ended with the first usual look."""
    held = records.anomalies.find(streak.anomaly) if streak.anomaly else None
    if held and held.ended is None:
        at = min(held.seen_at + timedelta(seconds=SCAN_EVERY_S), records.now())
        records.anomalies.update(held.id, _with(ended=at, adapted=adapted, strong_since=None))


def follow(records: Records) -> None:
    """Open an incident in shadow for what is strong and lasts, and let those calm down whose anomalies ended."""
    rules: AnomalyRules = records.settings.config.anomalies
    lasting = records.anomalies.open()
    shadows = [i for i in records.incidents.open() if i.source == "anomaly"]
    for anomaly in lasting if rules.incidents else ():
        if not _is_strong(anomaly, rules, records) or anomaly.fate == "false":
            continue
        if anomaly.incident and records.incidents.find(anomaly.incident):
            mine = next((i for i in shadows if i.id == anomaly.incident), None)
            if mine and mine.in_shadow:
                keep_joinable(mine, anomaly, records)
            continue
        others = [i for i in records.incidents.open() if concerns(i, anomaly)]
        shadow = next((i for i in others if i.source == "anomaly"), None)
        if shadow is None and (others or len(shadows) >= _MOST_OPEN):
            continue
        if shadow is None:
            shadows.append(open_in_shadow(anomaly, title(anomaly), records))
            continue
        if shadow.quiet_since and shadow.in_shadow:
            records.incidents.update(shadow.id, lambda i: i.model_copy(update={"quiet_since": None}))
        records.anomalies.update(anomaly.id, _with(incident=shadow.id))
    for shadow in shadows:
        latest = records.incidents.get(shadow.id)
        mine_all = records.anomalies.of_incident(shadow.id, shadow.opened_at)
        if latest.in_shadow and not latest.quiet_since and mine_all and all(a.ended for a in mine_all):
            calm_down(latest, records)


def _with(**update: object) -> Callable[[Anomaly], Anomaly]:
    return lambda held: held.model_copy(update=update)


def _is_strong(anomaly: Anomaly, rules: AnomalyRules, records: Records) -> bool:
    since = anomaly.strong_since
    return since is not None and records.now() - since >= timedelta(minutes=rules.lasting_minutes)
