"""The digest's phrases: times of its zone, spans as rules write them, what a rule's change would do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.parts import Part, ago, clean, counted, fit
from core.change_events import ChangeEvent
from core.digest import Digest, Noisy, RuleChange

_NAME = 60


def since_words(digest: Digest) -> str:
    """ "yesterday 09:00", "Friday 09:00", "20 Nov 09:00"."""
    start, end = _local(digest.start, digest), _local(digest.end, digest)
    days = (end.date() - start.date()).days
    day = {0: "", 1: "yesterday "}.get(days, f"{start:%A} " if days < 7 else f"{start.day} {start:%b} ")
    return f"{day}{start:%H:%M}{' UTC' if digest.timezone == 'UTC' else ''}"


def at_part(at: datetime, digest: Digest) -> Part:
    """A time as each reader's own clock has it; the digest's zone where that is not known."""
    recent = digest.end - at < timedelta(hours=20) and at - digest.end < timedelta(hours=20)
    local = _local(at, digest)
    fallback = f"{local:%H:%M}" if recent else f"{local:%a} {local:%H:%M}"
    pattern = "{time}" if recent else "{date_short_pretty} {time}"
    return {"type": "date", "timestamp": int(at.timestamp()), "format": pattern, "fallback": fallback}


def at_words(at: datetime, digest: Digest) -> str:
    return str(at_part(at, digest)["fallback"])


def greeting(digest: Digest) -> str:
    hour = _local(digest.end, digest).hour
    return "Good morning" if 4 <= hour < 12 else "Good afternoon" if hour < 18 else "Good evening"


def go_span(seconds: float) -> str:
    """As Prometheus writes it: "90s", "10m", "1h30m"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest}s" if rest else ""]
    return "".join(parts) or "0s"


def about(seconds: float) -> str:
    """How long at most, rounded up: "40 s", "6 min", "2 h"."""
    if seconds < 60:
        return f"{max(int(seconds) + (seconds % 1 > 0), 1)} s"
    minutes = -int(-seconds // 60)
    return f"{minutes} min" if minutes < 120 else ago(timedelta(minutes=minutes))


def weeks(days: int) -> str:
    """ "4 weeks", "9 days"."""
    return f"{days // 7} weeks" if days >= 14 and days % 7 == 0 else counted(days, "day")


def named(event: ChangeEvent) -> str:
    """What was changed and how, in a few words: "checkout 1.8.3 → 1.8.4". Foreign."""
    name = clean(event.service or event.target.partition("/")[2] or event.target, _NAME)
    image = next((f for f in event.fields if f.field == "image" and f.before and f.after), None)
    if image:
        before, after = _tags(str(image.before), str(image.after))
        return f"{name} {fit(clean(before), 40)} → {fit(clean(after), 40)}"
    what = clean(event.title or event.version, 80).strip()
    return f"{name} {what}" if what else name


def _tags(before: str, after: str) -> tuple[str, str]:
    """Two images by what differs: their tags, else all of them."""
    (one, colon, old), (other, _, new) = before.rpartition(":"), after.rpartition(":")
    return (old, new) if colon and one == other else (before, after)


def version_after(event: ChangeEvent) -> str:
    """What runs since: "1.8.3", else ""."""
    image = next((f for f in event.fields if f.field == "image" and f.after), None)
    return clean(event.version or (str(image.after).rpartition(":")[2] if image else ""), 40)


def spans(each: Sequence[timedelta]) -> str:
    """ "11 and 34 min", "11 min, 2 h and 3 h"."""
    words = [ago(span) for span in each]
    if all(word.endswith(" min") and word.count(" ") == 1 for word in words):
        words = [word.removesuffix(" min") for word in words[:-1]] + words[-1:]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def on_services(noisy: Noisy) -> str:
    """ " on batch", " on batch and 2 others"; foreign."""
    named_ones = [clean(name, _NAME) for name, _ in noisy.services if name]
    if not named_ones:
        return ""
    return f" on {named_ones[0]}" + (f" and {counted(len(named_ones) - 1, 'other')}" if len(named_ones) > 1 else "")


def noise_words(noisy: Noisy) -> str:
    """ "31 firings, 29 gone within 6 min, nobody acted on any in 4 weeks"."""
    said = [counted(noisy.firings, "firing")]
    if noisy.noise:
        all_of = "all" if noisy.noise == noisy.firings and noisy.noise > 1 else f"{noisy.noise:,}"
        soon = f", most within {about(noisy.within_s)}" if noisy.noise >= 10 else ""
        said.append(f"{all_of} gone by {'itself' if noisy.noise == 1 else 'themselves'}{soon}")
    if noisy.back_soon >= 3:
        said.append(f"{noisy.back_soon:,} of them back within 15 min of their own end")
    if noisy.usual is not None and noisy.firings >= 3 and noisy.firings >= 2 * noisy.usual:
        said.append(f"usual are {noisy.usual:.0f}" if noisy.usual >= 1 else "usually hardly any")
    if noisy.known_acted == 0 and noisy.known_days >= 7:
        said.append(f"nobody acted on any in {weeks(noisy.known_days)}")
    return ", ".join(said)


def change_words(change: RuleChange, *, of_which: bool = True) -> str:
    """What to write, and what it would have shown. `backticks` quote it.

    Args:
        of_which: Whether to say of how long.
    """
    of = f"of {change.firings:,}" + (f" in {weeks(change.days)}" if of_which else "")
    if change.kind == "for":
        now = f" (now {go_span(change.rule.for_s)})" if change.rule else ""
        what = f"`for: {go_span(change.seconds)}`{now}" if change.rule else f"{go_span(change.seconds)} more of `for`"
        return f"{what} would have shown {change.shown:,} {of}"
    if change.kind == "keep_firing_for":
        return f"`keep_firing_for: {go_span(change.seconds)}` would have shown {change.shown:,} {of}"
    if change.kind == "lower":
        return f"Nobody acted on any {of}: a ticket would do" if of_which else "A ticket would do"
    return f"Nobody acted on any {of}: it could go" if of_which else "It could go"


def _local(at: datetime, digest: Digest) -> datetime:
    return at.astimezone(ZoneInfo(digest.timezone))
