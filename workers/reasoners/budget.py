"""What one investigation by Claude may use, and what it has used: turns, tokens, money, time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from core.diagnosis import Usage


@dataclass(frozen=True)
class Budget:
    """Where an investigation has to end."""

    steps: int = 40  # twice what the longest recorded investigations took that found their cause
    context_tokens: int = 150_000  # the smallest window on offer is 200,000; one turn of results and an answer must fit
    cost_usd: float = 2.0  # guessed: ten ordinary investigations; nobody wants to explain more for one alert
    seconds: float = 300.0  # the job ends after 600, and whoever was woken has looked by himself by then


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    fresh: float
    output: float
    cached: float  # read from the cache; writing to it for five minutes costs 1.25 times `fresh`


_WRITE_FACTOR = 1.25
_MILLION = 1_000_000
_LONG_PROMPT = 100_000  # tokens; above it Haiku 5.5 costs five times as much
# List prices of November 2026, the longest name that fits first. A model that is not here has no known cost.
_PRICES: tuple[tuple[str, Price], ...] = (
    ("fable-5-2", Price(8, 40, 0.20)),
    ("mythos-5-2", Price(8, 40, 0.20)),
    ("fable-5-1", Price(10, 50, 0.25)),
    ("mythos-5-1", Price(10, 50, 0.25)),
    ("fable-5", Price(10, 50, 1.00)),
    ("mythos-5", Price(10, 50, 1.00)),
    ("opus-5-5", Price(4, 20, 0.20)),
    ("opus-5", Price(5, 25, 0.50)),
    ("opus-4", Price(5, 25, 0.50)),
    ("sonnet-5-5", Price(2, 10, 0.10)),
    ("sonnet-5", Price(2, 10, 0.20)),
    ("sonnet-4", Price(3, 15, 0.30)),
    ("haiku-5-5", Price(0.10, 0.50, 0.01)),
    ("haiku-4-5", Price(1, 5, 0.10)),
)


def price_of(model: str, prompt_tokens: int) -> Price | None:
    """The price of a request of that length to a model of that name, wherever it is hosted; None when unknown."""
    for name, price in _PRICES:
        if f"claude-{name}" in model:
            if name == "haiku-5-5" and prompt_tokens > _LONG_PROMPT:
                return Price(price.fresh * 5, price.output * 5, price.cached * 5)
            return price
    return None


class ApiUsage(Protocol):
    """The numbers that the API counts for one request."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None
    cache_read_input_tokens: int | None


@dataclass
class Spent:
    """What one investigation has used so far, by the API's own numbers."""

    model: str
    clock: Callable[[], float] = time.monotonic
    steps: int = 0
    input_tokens: int = 0  # fresh, written to the cache and read from it together
    output_tokens: int = 0
    context_tokens: int = 0  # of the latest request and its answer
    cost_usd: float = 0.0
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def add(self, used: ApiUsage) -> None:
        """Count one request; also of one that broke off, since it is paid for."""
        written, read = used.cache_creation_input_tokens or 0, used.cache_read_input_tokens or 0
        prompt = used.input_tokens + written + read
        self.input_tokens += prompt
        self.output_tokens += used.output_tokens
        self.context_tokens = prompt + used.output_tokens
        price = price_of(self.model, prompt)
        if price:
            paid = (used.input_tokens + written * _WRITE_FACTOR) * price.fresh
            self.cost_usd += (paid + read * price.cached + used.output_tokens * price.output) / _MILLION

    @property
    def has_price(self) -> bool:
        return price_of(self.model, 0) is not None

    def share(self, budget: Budget) -> float:
        """How much of the budget is used, by whatever is used most; 1 and above is all of it."""
        return max(
            self.steps / budget.steps,
            self.context_tokens / budget.context_tokens,
            self.cost_usd / budget.cost_usd,
            (self.clock() - self.started) / budget.seconds,
        )

    def usage(self) -> Usage:
        return Usage(
            model=self.model, input_tokens=self.input_tokens, output_tokens=self.output_tokens,
            cost_usd=round(self.cost_usd, 6),
        )  # fmt: skip
