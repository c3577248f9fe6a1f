"""Secrets out of text: nothing is logged, posted, recorded or sent to a model without passing `mask`."""

from __future__ import annotations

import re

MASKED = "[masked]"

_TOKENS = re.compile(
    r"""
      xox[abeoprs]-[\w-]{8,} | xapp-[\w-]{8,}                      # Slack
    | sk-(?:ant-|proj-)?[\w-]{16,}                                  # Anthropic, OpenAI
    | (?:AKIA|ASIA)[A-Z0-9]{16}                                     # AWS key ids
    | gh[opsur]_\w{20,} | github_pat_\w{20,} | glpat-[\w-]{16,}     # GitHub, GitLab
    | AIza[\w-]{35} | ya29\.[\w-]{20,}                              # Google
    | (?:sk|rk|pk)_(?:live|test)_\w{10,}                            # Stripe
    | hvs\.[\w-]{20,} | npm_\w{30,} | pypi-[\w-]{30,}
    | https://hooks\.slack\.com/\S+
    | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*                               # JWT
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----(?:.|\n)*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    """,
    re.VERBOSE,
)
_URL_PASSWORD = re.compile(r"(?P<head>\b[a-z][\w+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"(?P<head>\b(?:bearer|basic|token)\s+)[\w.~+/=-]{12,}", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""(?P<head>["']?[\w.-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key
        |credential|client[_-]?secret|authorization|session[_-]?id|cookie)s?["']?\s*(?:=|:|=>)\s*)
        (?P<value>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[^\s,;&"'}\]]+)""",
    re.VERBOSE | re.IGNORECASE,
)
_HARMLESS = re.compile(r"""["']?(?:true|false|null|none|nil|\d{1,4}|\[masked\]|<[^>]*>|\*+|)["']?""", re.IGNORECASE)


def mask(text: str, known: tuple[str, ...] = ()) -> str:
    """The text with every secret replaced by "[masked]": tokens of known shape, passwords in URLs,
    values assigned to secret-sounding names, and the `known` values themselves."""
    for value in known:
        if len(value) >= 6:  # shorter ones would blank ordinary words
            text = text.replace(value, MASKED)
    text = _TOKENS.sub(MASKED, text)
    text = _URL_PASSWORD.sub(rf"\g<head>{MASKED}", text)
    text = _AUTHORIZATION.sub(rf"\g<head>{MASKED}", text)
    return _ASSIGNED.sub(
        lambda m: m[0] if _HARMLESS.fullmatch(m["value"]) else f"{m['head']}{MASKED}",
        text,
    )
