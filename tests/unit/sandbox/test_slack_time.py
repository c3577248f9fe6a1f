"""Clock, timers, rate limits, trigger ids and response URLs, none of which waits."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.slack.clock import Clock, Timers
from sandbox.slack.errors import ApiError
from sandbox.slack.grants import ResponseUrls, Triggers
from sandbox.slack.limits import POST, TIER_3, Rates


def refusal(error: pytest.ExceptionInfo[ApiError]) -> str:
    return error.value.error


def test_timers_run_in_the_order_of_their_time_when_the_clock_is_moved() -> None:
    async def scenario() -> list[str]:
        clock = Clock()
        timers, ran = Timers(clock), []
        ticking = asyncio.create_task(timers.run())
        done = asyncio.Event()
        timers.at(clock.now() + 300, lambda: (ran.append("late"), done.set()))
        timers.at(clock.now() + 60, lambda: ran.append("early"))
        await asyncio.sleep(0)
        assert ran == []
        clock.advance(301)
        await asyncio.wait_for(done.wait(), 5)
        ticking.cancel()
        return ran

    assert asyncio.run(scenario()) == ["early", "late"]


def test_a_post_too_many_in_a_channel_waits_while_another_channel_goes_on() -> None:
    clock = Clock()
    rates = Rates(clock)
    for _ in range(POST.calls):
        rates.take("chat.postMessage", POST, "C1")
    with pytest.raises(ApiError) as refused:
        rates.take("chat.postMessage", POST, "C1")
    assert (refusal(refused), refused.value.status, refused.value.retry_after_s) == ("ratelimited", 429, 5)
    rates.take("chat.postMessage", POST, "C2")
    clock.advance(5)
    rates.take("chat.postMessage", POST, "C1")


def test_updates_are_limited_for_the_app_as_a_whole() -> None:
    clock = Clock()
    rates = Rates(clock)
    for number in range(50):
        rates.take("chat.update", TIER_3, f"C{number}")
    with pytest.raises(ApiError) as refused:
        rates.take("chat.update", TIER_3, "C99")
    assert 59 <= (refused.value.retry_after_s or 0) <= 60
    rates.take("chat.delete", TIER_3, "C99")


def test_a_refused_call_does_not_lengthen_the_wait() -> None:
    clock = Clock()
    rates = Rates(clock)
    for _ in range(POST.calls * 3):
        try:
            rates.take("chat.postMessage", POST, "C1")
        except ApiError:
            clock.advance(0.1)
    clock.advance(4.1)
    rates.take("chat.postMessage", POST, "C1")


def test_a_trigger_opens_one_modal_within_three_seconds() -> None:
    clock = Clock()
    triggers = Triggers(clock)
    first, second = triggers.issue("U1"), triggers.issue("U2")
    assert triggers.exchange(first) == "U1"
    with pytest.raises(ApiError) as again:
        triggers.exchange(first)
    clock.advance(3.1)
    with pytest.raises(ApiError) as late:
        triggers.exchange(second)
    with pytest.raises(ApiError) as made_up:
        triggers.exchange("1.2.3")
    assert [refusal(again), refusal(late), refusal(made_up)] == [
        "exchanged_trigger_id",
        "expired_trigger_id",
        "invalid_trigger_id",
    ]


def test_a_response_url_is_good_for_five_answers_within_half_an_hour() -> None:
    clock = Clock()
    urls = ResponseUrls(clock)
    key = urls.issue("C1", "U1").rpartition("/")[2]
    other = urls.issue("C1", "U1").rpartition("/")[2]
    for _ in range(5):
        assert urls.use(key).channel == "C1"
    with pytest.raises(ApiError) as used_up:
        urls.use(key)
    clock.advance(1801)
    with pytest.raises(ApiError) as expired:
        urls.use(other)
    assert [refusal(used_up), refusal(expired)] == ["used_url", "expired_url"]
