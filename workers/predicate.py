"""What a runbook's front matter can ask of the evidence."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from core.model import Model
from core.observation import Condition

LONGEST_SEARCH_S = 0.05  # an honest pattern needs microseconds for a log line


class Regex:
    """A compiled pattern, case-insensitive. Log lines are foreign text, and a pattern that backtracks over one would
    hang us: a search that takes too long has found nothing."""

    def __init__(self, pattern: str) -> None:
        """Raises: ValueError with the reason."""
        import regex

        try:
            self._pattern: Any = regex.compile(pattern, regex.IGNORECASE)
        except regex.error as error:
            raise ValueError(f"not a regular expression: {error}") from error

    def search(self, text: str) -> Any:
        """The first match, or None."""
        try:
            return self._pattern.search(text, timeout=LONGEST_SEARCH_S)
        except TimeoutError:
            return None


compiled = lru_cache(maxsize=2000)(Regex)


def _check_pattern(pattern: str) -> str:
    compiled(pattern)
    return pattern


def as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_check_pattern)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1), BeforeValidator(as_list)]
Names = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(as_list)]


class FindingTest(Model):
    """A finding with one of these conditions; every part that is given must hold. A bare name is its condition."""

    condition: Annotated[tuple[Condition, ...], Field(min_length=1), BeforeValidator(as_list)]
    severity: Annotated[tuple[Literal["critical", "warning", "info"], ...], BeforeValidator(as_list)] = ()
    kind: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()  # of the object: Pod, Job, Node
    container: Pattern | None = None
    message: Pattern | None = None


class ChangeTest(Model):
    """A rollout at most this long before the fault began."""

    within_minutes: int = Field(default=60, ge=1, le=10_080)
    field: Pattern | None = None  # on "image", "env CART_URL", "memory limit"
    previous: bool = True  # there is a revision before it, to compare with and to go back to


class ReadingTest(Model):
    """A metric of the service, absolute or as a multiple of its own normal; every part that is given must hold."""

    name: str
    above: float | None = None
    below: float | None = None
    times_normal: float | None = Field(default=None, gt=0)  # at least this many times `before`; below 1: at most

    @model_validator(mode="after")
    def _tests_something(self) -> ReadingTest:
        if self.above is None and self.below is None and self.times_normal is None:
            raise ValueError("give above, below or times_normal")
        return self


def _bare(key: str) -> Callable[[object], object]:
    return lambda value: value if isinstance(value, dict) else {key: value}


class Predicate(Model):
    """One test of the evidence. `of` says whose: the owner's own, its dependencies', or anything seen in its namespace
    or in the cluster."""

    finding: Annotated[FindingTest, BeforeValidator(_bare("condition"))] | None = None
    log: Patterns | None = None  # a line matches one of these
    log_says: Literal["error", "fatal"] | None = None  # a line tells of an error, or of what ended the process
    event: Patterns | None = None  # a finding's message, or what the cluster said around it
    change: ChangeTest | None = None
    reading: ReadingTest | None = None
    alert: Names | None = None  # fires now
    all: tuple[Predicate, ...] = ()
    any: tuple[Predicate, ...] = ()
    none: tuple[Predicate, ...] = ()
    of: Literal["owner", "dependency", "namespace", "cluster"] = "owner"

    @model_validator(mode="after")
    def _one_test(self) -> Predicate:
        if sum(bool(getattr(self, test)) for test in TESTS) != 1:
            raise ValueError(f"give exactly one of {', '.join(TESTS)}")
        return self


TESTS = ("finding", "log", "log_says", "event", "change", "reading", "alert", "all", "any", "none")


class Signal(Predicate):
    """A predicate and how sure it alone would make one of the cause, 0 to 1; matched ones add up as independent."""

    weight: float = Field(default=0.0, ge=0, le=0.97)
    required: bool = False
