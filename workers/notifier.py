"""Makes Slack show what the outbox says, channel by channel.

What waits for a channel is its lane. Posts leave it at Slack's pace: the threads in which somebody is asked for a click
before others, and each thread in the order in which its messages were first wished for. Edits have a limit of their own
and go in between. Whoever has nothing else to do waits for the pace; otherwise the lane comes back through the queue,
by one job, so that a slow channel holds up no other.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from redis.exceptions import LockError
from redis.lock import Lock

from core.errors import Refused, Transient
from core.log import get_logger
from core.outbox import Message
from core.posting import AT_ONCE_S, begin_posting, post_soon
from core.records import Records
from workers.folding import fold, out_of_date
from workers.late import say_if_late
from workers.ports import Slack
from workers.showing import GONE, show, streams

log = get_logger(__name__)

PACE_S = 1.2  # Slack: about one post a second a channel, counted when they arrive
_LOCK_S = 20.0  # Slack has 10 s to answer; whoever dies holds a channel up for as long
_TURN_S = 5.0  # then other jobs have theirs
_NAP_S = 0.05  # how late what comes in between may be
_LONGEST_DELAY_S = 60.0
_STEPS_BACK = 4  # a message that was put off so often, while others may go, lets them
# Nothing can be posted until somebody mends the app; nothing is lost meanwhile.
_LOCKED_OUT = {
    "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
    "not_allowed_token_type", "org_login_required", "ekm_access_denied", "team_access_not_granted",
}  # fmt: skip


def deliver(key: str, records: Records, slack: Slack) -> None:
    """Bring one message up to date in Slack, when it is its turn. Safe to repeat."""
    message = records.outbox.get(key)
    if message.folded and not message.ts and not out_of_date(message, records):  # as when its incident is open again
        message = records.outbox.update(key, lambda m: m.model_copy(update={"folded": None}))
    if message.waits and message.waiting_since is None:  # kept by a version that had no lanes
        records.outbox.update(key, lambda m: m.model_copy(update={"waiting_since": records.now()}))
    serve(message.channel, records, slack)


def take_turn(channel: str, records: Records, slack: Slack) -> None:
    """Serve a channel, as the one job that it has. Safe to repeat."""
    begin_posting(channel, records)
    time.sleep(min(_closed_s(_posts(channel), records), _NAP_S))  # or two channels' jobs would chase each other
    serve(channel, records, slack)


def serve(channel: str, records: Records, slack: Slack) -> None:
    """Show what waits for a channel; what then still waits has a job that will. Safe to repeat."""
    lock = records.redis.lock(f"sre:posting:{channel}", timeout=_LOCK_S)
    if not lock.acquire(blocking=False):
        time.sleep(4 * _NAP_S)  # another notifier is at it, or was killed at it
        post_soon(channel, records)
        return
    try:
        wait_s = _serve(channel, records, slack, lock)
    except LockError:  # it took so long that another may have begun
        log.warning("lane_lost", channel=channel)
        wait_s = 0
    finally:
        with contextlib.suppress(LockError):
            lock.release()
    if wait_s is not None:
        post_soon(channel, records, wait_s)


def _serve(channel: str, records: Records, slack: Slack, lock: Lock) -> float | None:
    """Seconds until there is more to do; None when nothing waits. Raises: LockError when the lock was lost."""
    end = time.monotonic() + _TURN_S
    while True:
        message, wait_s = _next(channel, records)
        if message:
            lock.reacquire()
            went = _show(message, records, slack, lock.reacquire)
            if not went or time.monotonic() > end:
                return 0
            continue
        if wait_s is None or wait_s >= AT_ONCE_S or time.monotonic() > end:
            return wait_s
        lock.extend(wait_s + 1, replace_ttl=True)  # whoever is killed while it waits holds up nobody
        if not _napped(wait_s, records):
            return wait_s


def _napped(wait_s: float, records: Records) -> bool:
    """Wait, unless a job comes in between; whether nothing did."""
    end = time.monotonic() + wait_s
    while (left_s := end - time.monotonic()) > 0:
        if records.queues.waiting("notify"):
            return False
        time.sleep(min(left_s, _NAP_S))
    return True


def _next(channel: str, records: Records) -> tuple[Message | None, float | None]:
    """The message to show now; else in how many seconds there may be one, None when nothing waits."""
    post_s, edit_s = _closed_s(_posts(channel), records), _closed_s(_edits(channel), records)
    if min(post_s, edit_s) >= AT_ONCE_S:
        return None, min(post_s, edit_s)
    waiting = fold(channel, records.outbox.waiting(channel), records)
    posts = [m for m in waiting if not m.ts]
    edits = sorted((m for m in waiting if m.ts), key=lambda m: (m.failures, m.seq))
    first = _first(posts, channel, records)
    if first and streams(first, records):
        post_s = edit_s  # has a limit of its own
    found = ((first, post_s), (edits[0] if edits else None, edit_s))
    for message, closed_s in found:
        if message and not closed_s:
            return message, None
    return None, min((closed_s for message, closed_s in found if message), default=None)


def _first(posts: Sequence[Message], channel: str, records: Records) -> Message | None:
    """The post whose turn it is: of each thread the oldest, of all threads the most urgent."""
    heads: dict[str, Message] = {}
    for message in sorted(posts, key=lambda m: (m.thread != m.key, m.seq)):
        heads.setdefault(message.thread, message)
    urgent = {m.thread for m in posts if m.urgent}
    turns = sorted(heads.values(), key=lambda m: (m.failures >= _STEPS_BACK, m.thread not in urgent, m.seq))
    return next((placed for head in turns if (placed := _placed(head, channel, records))), None)


def _placed(message: Message, channel: str, records: Records) -> Message | None:
    """The message with its thread known; None when it cannot be posted here yet."""
    if message.thread_ts or not message.under:
        return message
    above = records.outbox.find(message.under)
    if above is None:
        return None  # it is put next
    place: dict[str, object] = {"channel": above.channel}
    if above.ts:
        place["thread_ts"] = above.thread_ts or above.ts
    elif above.withdrawn:
        place["withdrawn"] = True  # nobody needs to hear of it
    elif above.folded and out_of_date(message, records):
        place["folded"] = above.folded
    elif above.folded:
        records.outbox.update(above.key, lambda m: m.model_copy(update={"folded": None}))
    placed = records.outbox.update(message.key, lambda m: m.model_copy(update=place))
    if above.ts and placed.channel == channel:
        return placed
    if above.folded or not placed.waits or placed.channel != channel:
        post_soon(placed.channel, records)
    return None


def _show(message: Message, records: Records, slack: Slack, still_ours: Callable[[], object]) -> bool:
    """Whether Slack took it."""
    quick = message.ts is not None or streams(message, records)
    gate = _edits(message.channel) if quick else _posts(message.channel)
    if not quick:
        records.redis.set(gate, 1, px=int(PACE_S * 1000))
    try:
        show(say_if_late(message, records), records, slack, still_ours)
    except Transient as error:
        _put_off(message, gate, error.retry_after_s, records)
        records.switches.mark_unreachable("Slack", records.now())
    except Refused as error:
        log.warning("message_refused", key=message.key, code=error.code, why=str(error))
        if error.code in GONE | _LOCKED_OUT:
            _put_off(message, gate, _LONGEST_DELAY_S, records)
            if error.code in _LOCKED_OUT:
                records.switches.mark_unreachable("Slack", records.now())
        else:
            _set_aside(message, records)
    else:
        _went(message.channel, gate, records)
        return True
    return False


def _set_aside(message: Message, records: Records) -> None:
    """Slack takes it in no form; until it should read otherwise, others go on."""
    log.error("message_set_aside", key=message.key)

    def aside(held: Message) -> Message:
        return held.model_copy(update={"refused": message.shown.digest(), "streaming_since": None})

    records.outbox.update(message.key, aside)


def _put_off(message: Message, gate: str, delay_s: float, records: Records) -> None:
    """Nothing of its kind is tried before. What fails again and again, and not because nothing goes, steps back."""
    in_a_row = int(records.redis.incr(_failures(gate)))
    if in_a_row <= _STEPS_BACK:
        records.outbox.update(message.key, lambda m: m.model_copy(update={"failures": m.failures + 1}))
    delay_s = max(delay_s, min(_LONGEST_DELAY_S, 2.0 ** min(in_a_row, 8) / 2))
    log.info("delivery_put_off", key=message.key, in_a_row=in_a_row, delay_s=delay_s)
    records.redis.set(gate, 1, px=int(delay_s * 1000))


def _went(channel: str, gate: str, records: Records) -> None:
    """Slack takes messages; if it took none for long, none of them was to blame."""
    in_a_row = int(records.redis.get(_failures(gate)) or 0)
    if in_a_row > _STEPS_BACK:
        for message in records.outbox.waiting(channel):
            records.outbox.update(message.key, lambda m: m.model_copy(update={"failures": 0}))
    if in_a_row:
        records.redis.delete(_failures(gate))
    records.switches.mark_reachable("Slack")


def _closed_s(gate: str, records: Records) -> float:
    """How long nothing may pass."""
    return max(int(records.redis.pttl(gate)), 0) / 1000


def _posts(channel: str) -> str:
    return f"sre:pace:{channel}"


def _edits(channel: str) -> str:
    return f"sre:pace-of-edits:{channel}"


def _failures(gate: str) -> str:
    return f"{gate}:failures"
