"""Specifics out of foreign text: the line of a log that says why, and the names and figures of messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

LINE_LIMIT = 500  # characters of a log line that are looked at

_STAMP = re.compile(
    r"^\W{0,2}(?:\d{4}[-/]\d\d[-/]\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\W{0,4}(?:\s|(?=\w))"
)
_FRAME = re.compile(r'^\s*(?:at |File "|\^|\.{3} \d+ more|goroutine \d|#\d+ )')
_FATAL = re.compile(
    r"^(?:\w+[.:])*\w*(?:Error|Exception|Exit|Fault)\b(?:: | \[|$)|^Caused by:|\bpanic:|\bfatal\b|\bFATAL\b"
    r"|\bCRITICAL\b|[Uu]ncaught|[Uu]nhandled|Segmentation fault|exec format error|OutOfMemory|syntax error"
)
_BAD = re.compile(
    r"\berr(?:or)?\b|exception|\bfail(?:ed|ure|s|ing)?\b|cannot|can't|could not|couldn't|unable to|refused|denied"
    r"|forbidden|unauthori[sz]ed|undefined|not set|\bunset\b|missing|required|invalid|no such|not found|unknown"
    r"|unsupported|time(?:d)?[ -]?out|unreachable|unavailable|expired|aborted|terminating|broken pipe"
    r"|reset by peer|no space"
    r"|too many|exceeded|exhausted|not permitted|mismatch|deadlock|corrupt",
    re.IGNORECASE,
)
_CALM = re.compile(r"\b(?:INFO|DEBUG|TRACE|NOTICE)\b|level[=:]\"?(?:info|debug|trace)|^[ID]\d{4} ")
_MESSAGE_KEYS = ("error", "err", "exception", "message", "msg", "event", "log")
CONNECTION = re.compile(
    r"connection (?:refused|reset|timed out|closed|attempt failed|error)|connect(?:ion)?: |ECONNREFUSED"
    r"|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|no such host|could not resolve|name or service not known"
    r"|name resolution|unknown ?host"
    r"|could not connect|failed to connect|unable to connect|can(?:not|'t) connect|connecttimeout|connectexception"
    r"|no route to host|i/o timeout|deadline exceeded|unavailable|upstream|bad gateway|gateway time|host\(s\) tried"
    r"|\b50[234]\b|read timed out|timed out|broken pipe|server closed|failed to reach|could not reach|cannot reach",
    re.IGNORECASE,
)
_HOST_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"lookup ([\w.-]+)(?: on [\d.:]+)?:",
        r"(?:could not resolve host|unknownhostexception|unknown host)[:=]? [\"'`]?([\w.-]+)",
        r"(?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)",
        r"host ?name [\"'`]([\w.-]+)[\"'`]",
        r"host=[\"']?([\w.-]+)",
        r"://(?:[^\s/@]*@)?([\w.-]+(?::\d{2,5})?)",
        r"\b((?:[a-z][\w-]*)(?:\.[\w-]+)*:\d{2,5})\b",
        r"\b(\d{1,3}(?:\.\d{1,3}){3}:\d{2,5})\b",
        r"(?:connect(?:ing|ion)? to|(?:failed to|could not|cannot) reach) (?:server )?[\"'`]?([\w-]+(?:\.[\w-]+)*)",
    )
)
_IMAGE = re.compile(r"image(?: reference| name)? \"([^\"\s]{1,300})\"", re.IGNORECASE)
_KINDS = {
    "configmap": "ConfigMap", "secret": "Secret", "serviceaccount": "ServiceAccount", "storageclass": "StorageClass",
    "persistentvolumeclaim": "PersistentVolumeClaim", "priorityclass": "PriorityClass", "service": "Service",
    "runtimeclass": "RuntimeClass",
}  # fmt: skip
_NOT_FOUND = re.compile(
    rf"\b({'|'.join(_KINDS)})s?(?:\.[\w.]+)? \"?([\w./-]+?)\"? (?:is |was )?(?:not found|does not exist)", re.IGNORECASE
)
_ABSENT = re.compile(r"\b(storage class|service) ([\w./-]+),?(?: which)? does not exist")
_NO_KEY = re.compile(r"couldn't find key (\S+) in (ConfigMap|Secret) (\S+)|non-existent (config|secret) key: (\S+)")
_NO_COMMAND = re.compile(
    r"exec: \\?\"([^\"\\]+)\\?\": (?:executable file not found|stat [^:]+: no such file|permission denied)"
    r"|(?:^|[:\s])([\w./-]+): (?:command )?not found$"
)
_EXIT = re.compile(
    r"exit(?:ed|s)?(?:[ _]?(?:with|code|status))*[\s:=]+(\d{1,3})\b|exitCode\"?[:=]\s*(\d{1,3})", re.IGNORECASE
)
_LIMIT = re.compile(
    r"limit(?:ed)?(?:\s+(?:of|to|is|was))?[\s:=]+\(?(\d+(?:\.\d+)?\s?(?:[KMGT]i?B?|m|[kmg]i?b)?)\b", re.IGNORECASE
)


def key_line(lines: Iterable[str]) -> str | None:
    """The line that says most plainly what went wrong, without its time stamp; None when none does."""
    best, found = 0, None
    for raw in lines:
        line = plain(raw)
        weight = badness(line)
        if weight and weight >= best:
            best, found = weight, line
    return found


def plain(line: str) -> str:
    """A log line without its time stamp; of a JSON line its message alone."""
    line = line[: LINE_LIMIT * 4].strip()
    if line.startswith("{"):
        try:
            fields = json.loads(line)
        except ValueError:
            fields = {}
        said = [fields[key] for key in _MESSAGE_KEYS if isinstance(fields.get(key), str) and fields[key]]
        line = max(said, key=lambda text: (badness(text), -said.index(text))) if said else line
    return _STAMP.sub("", line, count=1)[:LINE_LIMIT].strip()


def badness(line: str) -> int:
    """0: nothing is wrong, 1: an error, 2: what ended the process."""
    if _FRAME.match(line):
        return 0
    if _FATAL.search(line):
        return 2
    return 1 if _BAD.search(line) and not _CALM.search(line) else 0


def host_in(line: str) -> str | None:
    """The host that a connection error is about."""
    if not CONNECTION.search(line):
        return None
    found = next((match for pattern in _HOST_PATTERNS if (match := pattern.search(line))), None)
    return found[1].rstrip(".") if found else None


def image_in(text: str) -> str | None:
    """The image that a kubelet message names."""
    found = _IMAGE.search(text)
    return found[1] if found else None


def missing_in(text: str) -> str | None:
    """What a message says is not there, as "ConfigMap settings"."""
    if found := _NO_KEY.search(text):
        key, kind, name = found[1] or found[5], found[2], found[3]
        return f"key {key} of {kind} {name.rpartition('/')[2].rstrip('.,')}" if kind else f"key {key}"
    if found := _NOT_FOUND.search(text):
        return f"{_KINDS[found[1].lower()]} {found[2]}"
    if found := _ABSENT.search(text):
        return f"{found[1]} {found[2].rstrip(',')}"
    if found := _NO_COMMAND.search(text):
        return f"command {found[1] or found[2]}"
    return None


def exit_in(text: str) -> str | None:
    """An exit code other than 0."""
    codes = (found[1] or found[2] for found in _EXIT.finditer(text))
    return next((code for code in codes if 0 < int(code) < 256), None)


def limit_in(text: str) -> str | None:
    """A memory limit, as "64Mi"."""
    found = _LIMIT.search(text)
    return found[1].replace(" ", "") if found and not found[1].isdigit() else None
