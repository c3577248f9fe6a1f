from __future__ import annotations

from dataclasses import dataclass

import pytest

from workers.reasoners.budget import Budget, Price, Spent, price_of


@dataclass
class Used:
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


@pytest.mark.parametrize(
    ("model", "prompt", "price"),
    [
        ("claude-sonnet-5-5", 0, Price(2, 10, 0.10)),
        ("claude-sonnet-5", 0, Price(2, 10, 0.20)),
        ("claude-opus-4-8", 0, Price(5, 25, 0.50)),
        ("claude-haiku-4-5-20251001", 0, Price(1, 5, 0.10)),
        ("anthropic.claude-opus-5-5-v1:0", 0, Price(4, 20, 0.20)),
        ("claude-haiku-5-5", 100_000, Price(0.10, 0.50, 0.01)),
        ("claude-haiku-5-5", 100_001, Price(0.50, 2.50, 0.05)),
        ("claude-of-tomorrow", 0, None),
        ("gpt-6", 0, None),
    ],
)
def test_prices_by_family(model: str, prompt: int, price: Price | None) -> None:
    assert price_of(model, prompt) == price


def test_what_is_spent_is_the_sum_of_the_apis_own_numbers() -> None:
    spent = Spent("claude-sonnet-5-5")
    spent.add(Used(100, 50, 1000, None))
    spent.add(Used(10, 20, None, 1100))
    usage = spent.usage()
    assert (usage.model, usage.input_tokens, usage.output_tokens) == ("claude-sonnet-5-5", 2210, 70)
    # 110 fresh at 2, 1000 written at 2.50, 1100 read at 0.10, 70 put out at 10 dollars a million.
    assert usage.cost_usd == pytest.approx((220 + 2500 + 110 + 700) / 1e6)
    assert spent.context_tokens == 1130


def test_the_budget_is_used_by_whatever_is_used_most() -> None:
    now = [0.0]
    spent = Spent("claude-sonnet-5-5", clock=lambda: now[0])
    budget = Budget(steps=10, context_tokens=1000, cost_usd=1.0, seconds=100.0)
    assert spent.share(budget) == 0
    spent.steps = 3
    assert spent.share(budget) == 0.3
    now[0] = 40.0
    assert spent.share(budget) == 0.4
    spent.add(Used(500, 0))
    assert spent.share(budget) == 0.5
    spent.add(Used(0, 200_000))
    assert spent.share(budget) == 200.0
    assert Spent("unknown").has_price is False
