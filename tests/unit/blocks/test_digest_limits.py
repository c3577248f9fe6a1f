"""Digests, whatever is in them: Slack takes them, ten lines at most, and no foreign text acts as markup."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from blocks.digest import digest_view
from blocks.digest_rule import rule_modal
from blocks.digest_thread import thread_view
from core.change_events import ChangeEvent, ChangeKind, Gap
from core.digest import (
    Bar,
    Broke,
    Deploy,
    Digest,
    Done,
    Noisy,
    RuleChange,
    RuleTimes,
    Watch,
    Woken,
)
from core.observation import FieldChange
from sandbox.slack.views import check_view, is_too_large
from tests.unit.blocks.test_limits import anything, holds
from tests.unit.blocks.worlds import NOON, texts, words
from workers.digest.picture import alt_text

START = NOON - timedelta(days=1)
counts = st.integers(0, 10**6)
times = st.integers(0, 86_399).map(lambda s: START + timedelta(seconds=s))
users = st.one_of(st.sampled_from(["U0MARIA", "U0LI"]), words)
severities = st.sampled_from(["SEV1", "SEV2", "SEV3", "SEV4"])
images = st.builds(
    FieldChange, field=st.sampled_from(["image", "env X"]), verb=st.just("changed"), before=st.none() | texts,
    after=st.none() | texts,
)  # fmt: skip
events = st.builds(
    ChangeEvent, id=words, kind=st.sampled_from(get_args(ChangeKind)), at=times, target=texts, title=texts,
    service=st.none() | words, fields=st.lists(images, max_size=3).map(tuple), version=texts,
)  # fmt: skip
deploys = st.builds(
    Deploy, event=events, alerts=st.lists(st.tuples(texts, counts), max_size=5).map(tuple),
    incidents=st.lists(st.just("INC-7"), max_size=9).map(tuple), actions=st.lists(texts, max_size=4).map(tuple),
    reverted=st.none() | events,
)  # fmt: skip
done = st.builds(
    Done, what=texts, by=users, approved=st.booleans(), alone=st.booleans(), held=st.sampled_from([None, True, False])
)
broken = st.builds(
    Broke, id=st.integers(1, 10**6).map("INC-{}".format), title=texts, severity=severities, service=words,
    began_at=times, ended_at=st.none() | st.just(NOON), cause=texts, done=st.lists(done, max_size=6).map(tuple),
)  # fmt: skip
rules = st.builds(RuleTimes, for_s=counts, keep_firing_for_s=counts, group=texts, file=texts)
changes = st.builds(
    RuleChange, id=st.just("0123456789abcdef"), alert=texts,
    kind=st.sampled_from(["for", "keep_firing_for", "lower", "remove"]),
    seconds=st.integers(0, 7200), rule=st.none() | rules, firings=counts, removed=counts, within_s=st.floats(0, 10**6),
    acted=counts, later_s=st.integers(0, 7200), days=st.integers(0, 28),
)  # fmt: skip
noisy = st.builds(
    Noisy, alert=texts, severity=severities, services=st.lists(st.tuples(texts, counts), max_size=4).map(tuple),
    firings=counts, noise=counts, within_s=st.floats(0, 10**6), back_soon=counts, usual=st.none() | st.floats(0, 10**6),
    known_days=st.integers(0, 28), known_firings=counts, known_acted=counts, change=st.none() | changes,
)  # fmt: skip
gaps = st.builds(Gap, cluster=texts, start=times, end=times, why=texts)
bars = st.builds(Bar, start=times, counts=st.dictionaries(texts, st.integers(1, 10**6), max_size=6))
digests = st.builds(
    Digest, start=st.just(START), end=st.just(NOON), timezone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
    services=st.none() | st.lists(texts, min_size=1, max_size=17).map(tuple),
    on_call=st.lists(users, max_size=9).map(tuple),
    known_since=st.none() | times, deploys=st.lists(deploys, max_size=5).map(tuple),
    other_changes=st.dictionaries(st.sampled_from(["release", "scale", "config", "node", "job_failed"]), counts),
    broke=st.lists(broken, max_size=5).map(tuple), alerts=counts, noise=counts, firing=counts,
    noisy=st.lists(noisy, max_size=5).map(tuple),
    woken=st.none() | st.lists(st.builds(Woken, incident=st.just("INC-7"), at=times,
                                         who=st.lists(users, max_size=9).map(tuple)), max_size=9).map(tuple),
    unusual=st.lists(texts, max_size=3).map(tuple),
    watch=st.lists(st.builds(Watch, text=texts, at=st.none() | times), max_size=6).map(tuple),
    gaps=st.lists(gaps, max_size=9).map(tuple), bars=st.lists(bars, min_size=1, max_size=5).map(tuple),
)  # fmt: skip


@given(digests, st.booleans(), st.none() | st.just("a" * 32))
@anything
def test_any_digest_is_ten_lines_at_most(digest: Digest, greets: bool, post: str | None) -> None:
    view = digest_view(digest, greets=greets, post=post)
    holds(view)
    parts = view.blocks[0]["elements"][0]["elements"]
    assert sum(part.get("text") == "\n" for part in parts) < 10
    assert len(view.blocks) <= 2


@given(digests)
@anything
def test_any_thread_and_picture_of_a_digest(digest: Digest) -> None:
    holds(thread_view(digest))
    assert 0 < len(alt_text(digest)) <= 1000


@given(changes)
@anything
def test_any_rule_change(change: RuleChange) -> None:
    view = rule_modal(change)
    check_view(view)
    assert not is_too_large(view)
