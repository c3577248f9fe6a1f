"""Secrets out of text: nothing is logged, posted, recorded or sent to a model without passing `mask`.

Three kinds are found: the known values themselves, secrets of known shape (`core.secret_shapes`), and whatever is
assigned to a name that sounds secret, in any of the notations that logs and manifests use. Work grows with the
length of the text and no faster, whatever the text; masking twice changes nothing.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote

from core.secret_blocks import mask_private_keys, mask_secret_objects
from core.secret_shapes import MASKED, SAID_OF_SECRETS, mask_shapes
from core.visible import clean

__all__ = ["MASKED", "mask"]

_SHORTEST_KNOWN = 6  # shorter known values would blank ordinary words

# Names that sound secret, searched in lower-case text.
_NAME = re.compile(
    r"passw(?:or)?d|passphrase|passcode|pass|pwd|secret|token|credential|sessionid|session[_-]id|auth"
    r"|(?:api|access|private|signing|encryption|encrypt|account|auth|master|shared|license|ssh)[_-]?key"
)
_STEMS = ("pass", "pwd", "secret", "token", "credential", "session", "auth", "key")  # one is in every such name
# How a name goes on before its value: the rest of the name, its closing quote, then the notation.
_ASSIGNMENT = re.compile(
    r"""(?P<suffix>[\w.-]{0,40}+)(?P<closing>\\{0,7}["'])?\]?
    (?: [ \t]{0,8}(?P<sep>=>|:=|=|:|%3[AaDd])[ \t]{0,16}                              # password: x
      | ["'\\,\s]{0,60}\b[vV]alue\\{0,7}["']?[ \t]{0,4}(?P<pair>[:=])[ \t]{0,4}           # name: PASSWORD, value: x
      | (?P<tag>>)                                                                     # <password>x
      | (?P<space>[ \t]{1,4})(?![-=])                                                  # --password x
    )""",
    re.VERBOSE,
)
_VALUE = re.compile(
    r"""(?P<escaped>\\{1,7}["'])(?:(?!\\{1,7}["'])[^\n])*+
      | "(?P<double>(?:[^"\\\n]|\\.)*+)"? | '(?P<single>(?:[^'\\\n]|\\.)*+)'?
      | (?P<block>[|>][-+0-9]{0,2})[ \t]*+\n
      | (?P<list>\[[^\[\]{}\n]{0,2000}+\])
      | (?P<bare>[^\s,;&"'<>{}\[\]()\\|]++)""",
    re.VERBOSE,
)
_REST_OF_LINE = re.compile(r"(?:(?![ \t]{1,4}[A-Za-z_]\w{0,60}=)[^\n\"\\])++")
_LINE_HEAD = re.compile(r"""[ \t]*+(?:-[ \t]+|\+[ \t]+|export[ \t]+|declare[ \t]-x[ \t]+)?["']?[\w.-]*+""")
_NOT_A_VALUE = re.compile(  # what a name ends in when its value is about the secret, not the secret
    r"(?:count|name|file|path|dir|ref|refs|selector|type|kind|length|len|size|limit|expiry|expires|expiration|expired"
    r"|expiresin|expires[_.-]in|ttl|seconds|secs|age|policy|provider|enabled|required|url|uri|endpoint|host|version"
    r"|total|mode|field|header|store|class|mount|mounts|volume|volumes|manager|usage|used|rate|hint|status|at|id)s?$"
)
_HARMLESS = re.compile(
    r"(?:\d{1,4}|<[^>\n]*>?|\[masked\]|\*{2,}|x{3,}"
    r"|/(?:var|etc|run|home|usr|opt|tmp|mnt|app|root|proc|dev|secrets?|data)(?:/.*)?)",
    re.IGNORECASE,
)
# "$(cat token)", "${TOKEN}", "{{ .token }}"
_REFERENCE = re.compile(r"\$[({]|\$[A-Z_]{2,}+(?![\w-])|\{\{|%[sdvq](?!\w)")
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def mask(text: str, known: tuple[str, ...] = ()) -> str:
    """The text with every secret replaced by "[masked]".

    Args:
        known: Secret values to remove wherever they stand, also as JSON, in an address or in base64.

    What nobody sees (terminal codes, characters without width) hides no secret: where one shows without it, it is gone.
    """
    masked = _masked(text, known)
    if not text.isascii() or "\x1b" in text:
        seen = clean(text)
        if seen != text and MASKED in (shown := _masked(seen, known)) and shown.count(MASKED) > masked.count(MASKED):
            return shown
    return masked


def _masked(text: str, known: tuple[str, ...]) -> str:
    if known and (pattern := _known(known)):
        text = pattern.sub(MASKED, text)
    lowered = _lower(text)
    if "private key" in lowered:
        text = mask_private_keys(text)
    masked = mask_shapes(text, lowered)
    if "secret" in lowered and "kind" in lowered:
        masked = mask_secret_objects(masked)
    return "".join(_without_assigned(masked)) if any(stem in lowered for stem in _STEMS) else masked


@lru_cache(maxsize=8)
def _known(values: tuple[str, ...]) -> re.Pattern[str] | None:
    forms: set[str] = set()
    for value in values:
        if len(value) >= _SHORTEST_KNOWN:
            encoded = base64.b64encode(value.encode()).decode()
            forms |= {value, json.dumps(value)[1:-1], quote(value, safe=""), encoded.rstrip("=")}
    # The longest first, so that no part of a value stays behind.
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))) if forms else None


def _lower(text: str) -> str:
    """The text in lower case, character for character."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.translate(_ASCII_LOWER)


def _without_assigned(text: str) -> Iterator[str]:
    """The pieces of the text with the values of secret-sounding names masked."""
    done = 0
    for name in _NAME.finditer(_lower(text)):
        if name.start() < done:
            continue
        assignment = _ASSIGNMENT.match(text, name.end())
        if assignment is None or not _sounds_secret(text, name, assignment):
            continue
        value = _VALUE.match(text, assignment.end())
        if value is None or _REFERENCE.match(text, assignment.end()):
            continue
        start, end, replaced = _secret_span(text, name, assignment, value)
        if start < end:
            yield text[done:start]
            yield replaced
            done = end
    yield text[done:]


def _sounds_secret(text: str, name: re.Match[str], assignment: re.Match[str]) -> bool:
    """Whether what is assigned is the secret itself, judged by the whole name and the notation."""
    word, suffix, closing = name[0], assignment["suffix"].lower(), assignment["closing"]
    before = text[max(0, name.start() - 40) : name.start()]
    if _NOT_A_VALUE.search(suffix) or (suffix == "s" and word in ("secret", "token")):  # names or counts of several
        return False
    if assignment["space"]:  # only an option or SQL's PASSWORD 'x' is followed by a bare space
        is_sql = word.startswith("passw") and not suffix and text.startswith("'", assignment.end())
        return is_sql or (not closing and re.search(r"(?<![\w-])--?[\w-]*$", before) is not None)
    if assignment["tag"]:
        return re.search(r"<[\w.:-]*$", before) is not None
    at = assignment.end("closing")
    if closing and re.match(r" [ \t]*[:=]+[ \t]*\w", text[at : at + 20]):
        return False  # volume "my-token" : secret "x" not found
    return _NAMES_THAT_ARE_WORDS.get(word, _always)(before, suffix, assignment)


def _always(_before: str, _suffix: str, _assignment: re.Match[str]) -> bool:
    return True


def _is_pass(before: str, suffix: str, assignment: re.Match[str]) -> bool:
    """ "passed", "bypass" and "PASS: TestX" are words; "DB_PASS=" and '"pass":' are names."""
    named = assignment["sep"] != ":" or bool(assignment["closing"]) or before.endswith(("_", "-"))
    return not suffix and named and not before.lower().endswith(("by", "com", "sur", "tres"))


def _is_pwd(before: str, suffix: str, _assignment: re.Match[str]) -> bool:
    """PWD and OLDPWD are folders."""
    return not suffix and not re.search(r"(?:^|[^A-Za-z_])(?:OLD)?$", before)


def _is_auth(before: str, suffix: str, _assignment: re.Match[str]) -> bool:
    """Docker's "auth" and npm's "_authToken"."""
    return suffix in ("", "token") and re.search(r"(?:^|[\"'_\s])$", before) is not None


_NAMES_THAT_ARE_WORDS = {"pass": _is_pass, "pwd": _is_pwd, "auth": _is_auth}


def _secret_span(
    text: str, name: re.Match[str], assignment: re.Match[str], value: re.Match[str]
) -> tuple[int, int, str]:
    """Where the secret value begins and ends, and what to write instead; an empty span when it is none."""
    for group, mark in (("double", '"'), ("single", "'")):
        if value[group] is not None:
            if _is_harmless(value[group], name, assignment):
                return 0, 0, ""
            return value.start(), value.end(), f"{mark}{MASKED}{mark}"
    if value["escaped"]:
        start = value.end("escaped")
        harmless = _is_harmless(text[start : value.end()], name, assignment)
        return (0, 0, "") if harmless else (start, value.end(), MASKED)
    if value["block"]:
        end = _block_end(text, name.start(), value.end())
        return value.start(), end, MASKED + "\n" * (end > value.end())
    start, end = value.span()
    if assignment["closing"]:  # JSON and the like, which has to stay what it is
        return _quoted_span(text, name, assignment, value)
    if value["list"]:
        return 0, 0, ""  # "token: [error] refused"
    if assignment["sep"] in (":", "=") and _begins_line(text, name.start()):
        end = _end_on_own_line(text, name, start, end)
    elif assignment["tag"]:
        end = _find(text, "<", start, end)
    return (0, 0, "") if _is_harmless(text[start:end], name, assignment) else (start, end, MASKED)


def _quoted_span(
    text: str, name: re.Match[str], assignment: re.Match[str], value: re.Match[str]
) -> tuple[int, int, str]:
    """The same for a number or a list after a name in quotes; what is written instead has its quotes."""
    start, end = value.span()
    masked = f"{assignment['closing']}{MASKED}{assignment['closing']}"
    if value["list"]:
        return (0, 0, "") if MASKED in value["list"] or value["list"] == "[]" else (start, end, f"[{masked}]")
    return (0, 0, "") if _is_harmless(text[start:end], name, assignment) else (start, end, masked)


def _is_harmless(value: str, name: re.Match[str], assignment: re.Match[str]) -> bool:
    said = value.strip().split(" ", 1)[0] if assignment["sep"] == ":" else value  # "token: invalid signature"
    word = said.strip(" .,:;()!").lower()
    if not word or SAID_OF_SECRETS.fullmatch(word) or _HARMLESS.fullmatch(value.strip()):
        return True
    if name[0] == "auth":  # the base64 of user and password in a registry's or npm's file
        return re.fullmatch(r"[A-Za-z0-9+/_-]{12,}={0,2}", value) is None
    return False


def _begins_line(text: str, at: int) -> bool:
    line = text[max(text.rfind("\n", max(0, at - 200), at) + 1, at - 200) : at]
    return _LINE_HEAD.fullmatch(line) is not None


def _end_on_own_line(text: str, name: re.Match[str], start: int, end: int) -> int:
    """Where an unquoted value ends when its name begins the line, as in YAML, `env` and `kubectl describe`."""
    rest = _REST_OF_LINE.match(text, start)
    if rest is None:
        return end
    written = text[name.start() : name.end()]
    if written.isupper() or " " not in rest[0].strip():
        return start + len(rest[0].rstrip())
    return end


def _block_end(text: str, name_at: int, start: int) -> int:
    """The end of a YAML block scalar: its lines are indented deeper than the line of its name."""
    line_at = text.rfind("\n", 0, name_at) + 1
    indent = len(text[line_at:name_at]) - len(text[line_at:name_at].lstrip(" "))
    at = start
    while at < len(text):
        newline = _find(text, "\n", at, len(text))
        line = text[at:newline]
        if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
            break
        at = newline + 1
    return min(at, len(text))


def _find(text: str, wanted: str, start: int, otherwise: int) -> int:
    found = text.find(wanted, start)
    return found if found >= 0 else otherwise
