"""The digest: one message of ten lines at most, or one line on a quiet day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blocks.digest_words import (
    at_part,
    at_words,
    change_words,
    greeting,
    named,
    noise_words,
    on_services,
    since_words,
    spans,
    version_after,
)
from blocks.parts import (
    Block,
    Line,
    Part,
    bold,
    button,
    buttons,
    clean,
    counted,
    message,
    plain,
    rich,
    spoken,
    text,
    user,
)
from core.aftermath import SOON
from core.digest import Broke, Deploy, Digest, Done, Noisy, RuleChange
from core.outbox import View

SHOW_RULE = "digest_rule"
POST_DIGEST = "digest_post"
MOST_LOUD, MOST_QUIET, MOST_BROKEN, MOST_NOISY, MOST_WATCHED = 3, 1, 3, 2, 4
_MOST_PEOPLE = 3
_SEPARATOR = text(" · ")


def digest_view(digest: Digest, *, greets: bool = True, post: str | None = None) -> View:
    """The message in the channel, or the answer to one person.

    Args:
        greets: Whoever is on call is greeted; an answer greets nobody.
        post: Id of the request whose answer can be posted to the channel.
    """
    lines = list(digest_lines(digest, greets=greets))
    blocks: list[Block] = [rich(*lines)]
    changes = [noisy.change for noisy in _told(digest) if noisy.change]
    shown = [rule_button(number, change) for number, change in enumerate(changes)]
    if post:
        shown.append(button("Post it here", POST_DIGEST, value=post))
    if shown:
        blocks.append(buttons(*shown))
    return message(headline(digest), blocks)


def digest_lines(digest: Digest, *, greets: bool = True) -> Iterator[Line]:
    """What it says, a line at a time."""
    yield [*_greeting(digest, greets), *_headline(digest)]
    if not digest.is_quiet:
        yield from _labelled("Changed", changed_parts(digest))
        yield from _labelled("Broke", broken_parts(digest))
        for noisy in _told(digest):
            yield [bold("Noisy "), *noisy_line(noisy)]
        yield from _labelled("Unusual", [[text(said, 300)] for said in digest.unusual])
        yield from _labelled("Watch", _watched(digest))
    if note := _note(digest):
        yield [text(note, 600, italic=True)]


def _greeting(digest: Digest, greets: bool) -> Iterator[Part]:
    if not greets:
        return
    people = digest.on_call[:_MOST_PEOPLE]
    yield bold(f"{greeting(digest)} " if people else f"{greeting(digest)}. ")
    for position, person in enumerate(people):
        if position:
            yield text(" and " if position == len(people) - 1 else ", ")
        yield user(person)
    if people:
        yield bold(". ")


def _headline(digest: Digest) -> Iterator[Part]:
    yield text(headline(digest), 500)


def headline(digest: Digest) -> str:
    """The counts in a sentence or two."""
    count = len(digest.deploys)
    said = [counted(count, "deploy") if count else "no deploys", _incidents(digest)]
    whose = f" on {', '.join(clean(name, 60) for name in digest.services[:3])}" if digest.services else ""
    more = f" and {len(digest.services) - 3} more" if digest.services and len(digest.services) > 3 else ""
    if digest.is_quiet:
        by_themselves = ", all gone by themselves" if digest.alerts > 1 and digest.noise == digest.alerts else ""
        alerts = (counted(digest.alerts, "alert") if digest.alerts else "no alerts") + by_themselves
        return f"Quiet since {since_words(digest)}{whose}{more}: {', '.join([*said, alerts])}."
    alerts = counted(digest.alerts, "alert") if digest.alerts else "no alerts"
    noise = f", of which {digest.noise:,} noise" if digest.noise else ""
    firing = f", {digest.firing:,} firing still" if digest.firing else ""
    counts = ", ".join([*said, alerts])
    return f"Since {since_words(digest)}{whose}{more}: {counts}{noise}{firing}.{_nights(digest)}"


def _incidents(digest: Digest) -> str:
    if not digest.broke:
        return "no incidents"
    over = [b.ended_at - b.began_at for b in digest.broke if b.ended_at]
    still = len(digest.broke) - len(over)
    each = [spans(over) if len(over) <= 3 else f"the longest {spans([max(over)])}"] if over else []
    each += [f"{still} open"] if still else []
    return f"{counted(len(digest.broke), 'incident')} ({', '.join(each)})"


def _nights(digest: Digest) -> str:
    if digest.woken is None:
        return ""
    if not digest.woken:
        return " Nobody was woken."
    first = digest.woken[0]
    who = " and ".join(clean(name, 40) for name in first.who[:2] if not _is_id(name)) or "Somebody"
    more = f", and {counted(len(digest.woken) - 1, 'more time')}" if len(digest.woken) > 1 else ""
    return f" {who} was woken at {at_words(first.at, digest)} ({first.incident}){more}."


def _is_id(name: str) -> bool:
    return bool(user(name)["type"] == "user")


def changed_parts(digest: Digest) -> list[Line]:
    """The deploys that something followed, the newest quiet one, and how many more there are."""
    loud = sorted((d for d in digest.deploys if not d.is_quiet), key=_loudness)
    quiet = [d for d in reversed(digest.deploys) if d.is_quiet]
    shown = [*loud[:MOST_LOUD], *quiet[:MOST_QUIET]]
    parts: list[Line] = [deploy_line(deploy, digest) for deploy in shown]
    rest = len(digest.deploys) - len(shown)
    if rest:
        parts.append([text(f"{counted(rest, 'other')} in the thread" if shown else counted(rest, "deploy"))])
    return parts


def _loudness(deploy: Deploy) -> tuple[bool, bool, int]:
    return not deploy.incidents, deploy.reverted is None, -sum(count for _, count in deploy.alerts)


def deploy_line(deploy: Deploy, digest: Digest) -> list[Part]:
    """ "checkout 1.8.3 → 1.8.4 (02:11) → INC-42, back to 1.8.3 (02:17)"."""
    line: list[Part] = [text(f"{named(deploy.event)} (", 200), at_part(deploy.event.at, digest), text(")")]
    if deploy.is_quiet:
        return [*line, text(", quiet since" if digest.end - deploy.event.at >= SOON else ", too new to tell")]
    if deploy.incidents:
        line.append(text(" → " + ", ".join(deploy.incidents[:3])))
    elif deploy.alerts:
        total = sum(count for _, count in deploy.alerts)
        line.append(text(f" → {counted(total, 'alert')}, {deploy.alerts[0][0]}", 120))
    if deploy.reverted:
        version = version_after(deploy.reverted)
        line += [text(f", back to {version} (" if version else ", taken back ("), at_part(deploy.reverted.at, digest)]
        line.append(text(")"))
    elif deploy.actions:
        line.append(text(f", {deploy.actions[0]}", 120))
    return line


def broken_parts(digest: Digest) -> list[Line]:
    parts: list[Line] = [broken_line(broke) for broke in digest.broke[:MOST_BROKEN]]
    rest = len(digest.broke) - MOST_BROKEN
    return [*parts, [text(f"{counted(rest, 'other')} in the thread")]] if rest > 0 else parts


def broken_line(broke: Broke) -> list[Part]:
    """ "INC-42 checkout: bad port in CART_URL; rolled back, approved by @maria, it held (11 min)"."""
    said = (broke.cause or broke.title).rstrip(". ")
    whose = f" {broke.service}:" if broke.service and broke.service not in said else ""
    line: list[Part] = [bold(broke.id, 20), text(f"{whose} ", 80), *spoken(said, 180)]
    for done in broke.done[:2]:
        line += [text("; "), *_done(done)]
    if broke.ended_at:
        return [*line, text(f" ({spans([broke.ended_at - broke.began_at])})")]
    return [*line, bold(" (open)")]


def _done(done: Done) -> Iterator[Part]:
    if done.by and not done.approved:
        yield user(done.by)
        yield text(" says: ")
    yield text(done.what, 120)
    if done.alone:
        yield text(" by myself")
    elif done.approved:
        yield text(", approved by ")
        yield user(done.by)
    if done.held is not None:
        yield text(", it held" if done.held else ", which did not help")


def noisy_line(noisy: Noisy) -> list[Part]:
    """What was noise of one alert, and what would change that."""
    line: list[Part] = [bold(noisy.alert, 80), text(f"{on_services(noisy)}: {noise_words(noisy)}.", 400)]
    if noisy.change:
        of_which = noisy.known_acted > 0 or noisy.known_days != noisy.change.days  # else it is said already
        line += [text(" "), *spoken(f"{change_words(noisy.change, of_which=of_which)}.", 200)]
    return line


def _told(digest: Digest) -> tuple[Noisy, ...]:
    """The two noisiest; one whose rule could be changed goes before the second that could not."""
    worth = [n for n in digest.noisy if n.noise >= 3 or n.change]
    first = sorted(worth, key=lambda n: n.change is None)
    return tuple(sorted(first[:MOST_NOISY], key=worth.index))


def _watched(digest: Digest) -> list[Line]:
    parts: list[Line] = []
    for watch in digest.watch[:MOST_WATCHED]:
        when = [text(" "), at_part(watch.at, digest)] if watch.at else []
        parts.append([text(watch.text, 160), *when])
    rest = len(digest.watch) - MOST_WATCHED
    return [*parts, [text(f"{counted(rest, 'more')[:-1]} in the thread")]] if rest > 0 else parts


def _labelled(label: str, parts: Sequence[Line]) -> Iterator[Line]:
    if not parts:
        return
    line: list[Part] = [bold(f"{label} ")]
    for position, part in enumerate(parts):
        line += [_SEPARATOR, *part] if position else [*part]
    yield line


def _note(digest: Digest) -> str:
    """What is missing from it."""
    said = []
    if digest.known_since:
        said.append(f"I have watched only since {at_words(digest.known_since, digest)}.")
    for gap in digest.gaps[:2]:
        where = f" of {clean(gap.cluster, 60)}" if gap.cluster else ""
        times = f"{at_words(gap.start, digest)} to {at_words(gap.end, digest)}"
        said.append(f"Changes{where} may be missing from {times}: {clean(gap.why, 150)}.")
    if len(digest.gaps) > 2:
        said.append(f"{len(digest.gaps) - 2} more such gaps.")
    return " ".join(said)


def rule_button(number: int, change: RuleChange) -> Part:
    """`number` makes it one of several in a message."""
    label = "Show rule change" if number == 0 else f"Change {plain(change.alert, 40).strip() or 'it'}"
    hint = f"Show the rule change of {plain(change.alert, 40)}"
    return button(label, f"{SHOW_RULE}:{number}", value=change.id, hint=hint)
