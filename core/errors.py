"""
SreError
├── ToolError           told to the model, listed as "could not read"
│   ├── Absent          there is no such thing
│   ├── Forbidden       the account may not read it
│   ├── Expired         the source no longer has what came after that point; read the whole again
│   ├── Busy            the source asks to be left alone for retry_after_s
│   └── BadQuestion     what was asked makes no sense to the source; ask otherwise
├── Transient           retried after retry_after_s
├── NotFound
├── Conflict            a stale save; load again and decide again
├── Refused             the other side said no, and will again; `code` is its own word
├── Unclear             a write was sent and its answer lost; it is never sent again
├── Changed             the target is no longer what it was when it was decided on; nothing was done
├── Malformed           what was sent cannot be read
├── Unreachable         a dependency did not answer; exit status 3
└── ConfigError         at start only; exit status 2

Messages are whole sentences that say what to do; they never hold raw exception text, tokens or foreign text.
"""

from __future__ import annotations


class SreError(Exception):
    """Base of every error that this product raises on purpose."""


class ToolError(SreError):
    """A read could not be done: `what` could not be read, because of `why`."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} ({why})")
        self.what = what
        self.why = why


class Absent(ToolError):
    """There is no such thing to read."""


class Forbidden(ToolError):
    """The account that was used may not read it."""


class Expired(ToolError):
    """The source no longer has what came after the point that was named."""


class Busy(ToolError):
    """The source asks to be left alone for `retry_after_s` seconds."""

    def __init__(self, what: str, why: str, retry_after_s: float = 1.0) -> None:
        super().__init__(what, why)
        self.retry_after_s = retry_after_s


class BadQuestion(ToolError):
    """The source understood that it was asked nonsense, as a query that does not parse."""


class Transient(SreError):
    """Worth trying again after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotFound(SreError):
    """There is nothing under that id."""


class Conflict(SreError):
    """Somebody saved a newer version since this one was read."""


class Refused(SreError):
    """The other side said no, and would again. `code` is its own word for why, such as "is_archived"."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what}: {code}")
        self.code = code


class Unclear(SreError):
    """A write was sent and its answer lost: it may have happened or not. Never tried again."""


class Changed(SreError):
    """The target is no longer what it was when the action was prepared; nothing was done. The sentence says what."""


class Malformed(SreError):
    """What was sent cannot be read; the sentence says what is wrong with it."""


class Unreachable(SreError):
    """A dependency could not be reached; the sentence names it and says how to mend it."""


class ConfigError(SreError):
    """A setting is wrong; the sentence names it."""
