"""Secrets that give themselves away by their shape: vendors' tokens, keys, passwords inside addresses and headers.

Every pattern begins with a literal (its marker), so that text without the marker costs one substring search, and
matches in linear time: quantifiers are bounded or possessive, and a run of letters is entered once, at its start.
"""

from __future__ import annotations

import re

MASKED = "[masked]"

# Words that logs say about a secret: "token: expired".
SAID_OF_SECRETS = re.compile(
    r"true|false|null|none|nil|yes|no|on|off|empty|unset|set|missing|invalid|valid|expired|required|unknown"
    r"|failed|failure|denied|rejected|refused|revoked|disabled|enabled|wrong|incorrect|bad|not|is|was|are|were"
    r"|has|have|had|must|cannot|can|could|should|would|does|did|the|a|an|for|from|in|of|to|and|or|with|without"
    r"|while|when|error|unable|permission|unauthorized|forbidden|mismatch|malformed|undefined|optional|default"
    r"|redacted|hidden|masked|ok|found|authentication|authorization|expiring|rotated|renewed|created|deleted"
    r"|updated|loaded|mounted|verification|validation|successfully|already|still|too|only|any|all|access|user"
    r"|users|request"
)

# Where a token may begin: not inside a word, except after an escaped line break, as in JSON.
_START = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))"
_TOKENS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("xox",), r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}+"),  # Slack
    (("xapp-",), r"xapp-[\w-]{8,}+"),
    (("sk-",), r"sk-[\w-]{16,}+"),  # Anthropic, OpenAI
    (("k_live_", "k_test_"), r"[prs]k_(?:live|test)_\w{10,}+"),  # Stripe
    (("AKIA", "ASIA"), r"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"),  # AWS key ids
    (("gh", "github_pat_"), r"(?:gh[opsur]|github_pat)_\w{20,}+"),
    (("gl",), r"gl[a-z]{2,6}-[\w-]{16,}+"),  # GitLab
    (("glsa_", "glc_"), r"gl(?:sa|c)_[\w=+/-]{20,}+"),  # Grafana
    (("AIza",), r"AIza[\w-]{35}"),  # Google
    (("ya29.", "GOCSPX-"), r"(?:ya29\.|GOCSPX-)[\w.-]{20,}+"),
    (("hvs.", "hvb."), r"hv[bs]\.[\w-]{20,}+"),  # Vault
    (("npm_", "hf_", "dop_v1_", "dckr_pat_"), r"(?:npm|hf|dop_v1|dckr_pat)_[\w-]{20,}+"),
    (("pypi-",), r"pypi-[\w-]{30,}+"),
    (("SG.",), r"SG\.[\w-]{16,}+\.[\w-]{16,}+"),  # SendGrid
    (("AGE-SECRET-KEY-",), r"AGE-SECRET-KEY-1[A-Z0-9]{20,}+"),
    (("eyJ",), r"eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+){0,3}"),  # JSON web tokens
)
_TOKEN_PATTERNS = tuple((markers, re.compile(_START + pattern)) for markers, pattern in _TOKENS)

_WEBHOOK = re.compile(
    r"hooks\.slack\.com/[^\s\"'<>\\]++|(?:discord(?:app)?\.com/api/webhooks|webhook\.office\.com)/[^\s\"'<>\\]++"
)
# A port and a path follow the colon of "http://host:8080/?mail=a@b"; a password follows that of "redis://me:pw@host".
_URL_PASSWORD = re.compile(
    r"(?P<head>://[^\s:/@?#\"'<>\\]{0,200}:)(?!//|\d{1,5}(?:[/?#\s\"']|$)|\[masked\])"
    r"(?:(?!://)[^\s\"'<>]){1,300}(?=@)"
)
_URL_TOKEN = re.compile(r"(?P<head>://)[A-Za-z0-9_-]{20,200}(?=@)")
_DSN_PASSWORD = re.compile(r"(?P<head>(?<![\w.-])[\w.-]{1,64}:)(?!\[masked\]@)[^\s@\"']{1,128}(?=@(?:tcp|unix)\()")
_SIGNED_URL = re.compile(
    r"(?P<head>[?&](?:sig|signature|X-Amz-Signature|X-Amz-Credential|X-Goog-Signature)=)[^\s&\"'<>\\]++", re.IGNORECASE
)
_HEADER = re.compile(
    r"""(?P<head>(?<![\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{0,20}(?:key|token))
        (?P<closing>\\{0,7}["'])?[ \t]{0,4}(?P<sep>[:=])[ \t]{0,4}(?P<opening>(?:\[[ \t]{0,4})?\\{0,7}["'])?
        (?!\[masked\])(?:(?:bearer|basic|digest|negotiate|token|apikey)[ \t]{1,4})?+)
        (?!\[masked\])(?P<value>[^\s"'\\<$%{*][^"'\\\n]*+)""",
    re.IGNORECASE | re.VERBOSE,
)
# "Bearer abc123", not "bearer authentication": a credential holds a digit or ends in padding.
_BEARER = re.compile(
    r"(?P<head>(?<![\w-])(?:bearer|basic)[ \t]{1,4})(?=[A-Za-z._~+/-]{0,200}(?:\d|={1,2}(?![\w\[])))[\w.~+/=-]{8,}+",
    re.IGNORECASE,
)
_CURL_USER = re.compile(
    r"(?P<head>(?<![\w-])(?:-u|--user)[ =][\"']?[^\s:\"']{1,64}:)(?!\[masked\]|\d{1,6}\b)[^\s\"']++"
)
_HASHED = re.compile(r"\$(?:2[aby]|5|6|y|apr1|argon2(?:id|i|d))\$[^\s:\"'<>\\]{20,200}")
_SQL = re.compile(r"(?P<head>\bidentified[ \t]{1,4}by[ \t]{1,4})'(?!\[masked\])[^'\n]*+'?", re.IGNORECASE)
_REDIS_CONF = re.compile(r"(?P<head>\b(?:requirepass|masterauth)[ \t]{1,4})(?!\[masked\])\S++", re.IGNORECASE)


def mask_shapes(text: str, lowered: str) -> str:
    """The text without secrets of known shape. `lowered` is the same text in lower case, for the cheap tests."""
    for markers, pattern in _TOKEN_PATTERNS:
        if any(marker in text for marker in markers):
            text = pattern.sub(MASKED, text)
    if "hooks.slack.com" in lowered or "webhook" in lowered:
        text = _WEBHOOK.sub(MASKED, text)
    if "://" in lowered and "@" in lowered:
        text = _URL_PASSWORD.sub(rf"\g<head>{MASKED}", text)
        text = _URL_TOKEN.sub(rf"\g<head>{MASKED}", text)
    if "@tcp(" in lowered or "@unix(" in lowered:
        text = _DSN_PASSWORD.sub(rf"\g<head>{MASKED}", text)
    if "sig" in lowered or "x-amz-" in lowered:
        text = _SIGNED_URL.sub(rf"\g<head>{MASKED}", text)
    if "authorization" in lowered or "cookie" in lowered or "x-" in lowered:
        text = _HEADER.sub(_header, text)
    if "bearer" in lowered or "basic" in lowered:
        text = _BEARER.sub(rf"\g<head>{MASKED}", text)
    if "-u" in lowered:
        text = _CURL_USER.sub(rf"\g<head>{MASKED}", text)
    if "$" in lowered:
        text = _HASHED.sub(MASKED, text)
    if "identified" in lowered:
        text = _SQL.sub(rf"\g<head>'{MASKED}'", text)
    if "requirepass" in lowered or "masterauth" in lowered:
        text = _REDIS_CONF.sub(rf"\g<head>{MASKED}", text)
    return text


def _header(match: re.Match[str]) -> str:
    if match["closing"] and not match["opening"]:  # a number or true in JSON
        return match[0]
    value: str = match["value"]
    first, rest = value.split(maxsplit=1)[0], ""
    if match["sep"] == "=":
        rest = value[len(first) :]
    # "authorization: user may not list pods" is a sentence, and a credential has no run of plain words.
    words = [word.strip(".,:;()") for word in value.split()]
    if SAID_OF_SECRETS.fullmatch(words[0].lower()) or (
        len(words) > 1 and all(word.isalpha() or word == MASKED for word in words[:2])
    ):
        return match[0]
    return f"{match['head']}{MASKED}{rest}"
