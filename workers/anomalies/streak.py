"""When a series of looks is an anomaly: two unusual ones in a row begin it, three usual ones in a row end it."""

from __future__ import annotations

from dataclasses import replace

from core.anomalies import Streak

SCAN_EVERY_S = 180
BEGIN_LOOKS, END_LOOKS = 2, 3
CALM = 0.75  # of the score that begins it: what is above keeps it going
_LATE_S = 3 * SCAN_EVERY_S  # after a longer gap, looks are not in a row


def next_streak(held: Streak | None, score: float | None, at: float, odd: float) -> Streak | None:
    """The streak after one more look; None when all is as usual. Whoever sees `begins` names the anomaly in it.

    Args:
        score: None when nobody could tell, as with too few requests: then nothing unusual is seen.
    """
    before = held or Streak(at=at)
    if not before.anomaly and at - before.at > _LATE_S:
        before = Streak(at=at)
    distance = abs(score or 0.0)
    if before.anomaly:
        quiet = 0 if distance >= odd * CALM else before.quiet + 1
        return replace(before, at=at, quiet=quiet)
    if distance < odd:
        return None
    return replace(before, at=at, odd=before.odd + 1, since=before.since or at)


def begins(streak: Streak | None) -> bool:
    return streak is not None and not streak.anomaly and streak.odd >= BEGIN_LOOKS


def ends(streak: Streak | None) -> bool:
    return streak is not None and streak.quiet >= END_LOOKS
