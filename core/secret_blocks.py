"""Secrets that span lines: private keys, and the values inside a Kubernetes Secret's manifest."""

from __future__ import annotations

import re

from core.secret_shapes import MASKED

_PEM_EDGE = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"[A-Za-z0-9+/]{1,512}={0,2}|(?:Proc-Type|DEK-Info|Comment|Version): .*")
_KEY_LINE_OF_LOG = re.compile(r".* [A-Za-z0-9+/]{40,512}={0,2}")


def mask_private_keys(text: str) -> str:
    """The text without PEM private keys: whole, on one line with escaped breaks, and cut off at either end."""
    kept: list[str] = []
    inside = False
    for line in text.split("\n"):
        edges = list(_PEM_EDGE.finditer(line))
        if not edges:
            if inside and _is_key_line(line):
                continue
            inside = False
            kept.append(line)
            continue
        head = ""
        if not inside and edges[0][1] == "BEGIN":
            head = line[: edges[0].start()]
        elif not inside:
            shortest = 1  # the last line of a key may be short, the others are full
            while kept and len(kept[-1]) >= shortest and _is_key_line(kept[-1]):
                kept.pop()
                shortest = 20
        last = edges[-1]
        tail = line[last.end() :] if last[1] == "END" else ""
        if not inside or tail.strip():
            kept.append(f"{head}{'' if inside else MASKED}{tail}")
        inside = last[1] == "BEGIN"
    return "\n".join(kept)


def _is_key_line(line: str) -> bool:
    """Whether the line is key material, alone or behind a log's prefix."""
    body = line.strip("\"'|\\, \t\r")
    return not body or bool(_KEY_LINE.fullmatch(body) or _KEY_LINE_OF_LOG.fullmatch(body))


_SECRET_KIND = re.compile(r"""kind["']?[ \t]*:[ \t]*["']?Secret\b""")
_DATA_LINE = re.compile(r"""([ \t]*)["']?(?:data|stringData)["']?[ \t]*:[ \t]*(\{?)[ \t]*$""")
_ENTRY = re.compile(r"""([ \t]*["']?[\w.-]+["']?[ \t]*:[ \t]*)(\S.*)$""")
_INLINE_DATA = re.compile(r"""(?P<head>["'](?:data|stringData)["'][ \t]*:[ \t]*)\{[^{}\n]+\}""")


def mask_secret_objects(text: str) -> str:
    """The text with every value under `data` and `stringData` masked, when a Secret's manifest is in it."""
    documents = text.split("\n---")
    return "\n---".join(_mask_data(one) if _SECRET_KIND.search(one) else one for one in documents)


def _mask_data(text: str) -> str:
    kept: list[str] = []
    data_indent = -1  # of the `data:` line that we are below; -1 when below none
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if data_indent >= 0 and line.strip() and indent <= data_indent:
            data_indent = -1
        if data_indent >= 0:
            entry = _ENTRY.match(line)
            comma = "," if line.rstrip().endswith(",") else ""
            kept.append(
                f'{entry[1]}"{MASKED}"{comma}' if entry else line if not line.strip() else " " * indent + MASKED
            )
            continue
        if _DATA_LINE.match(line):
            data_indent = indent
        kept.append(_INLINE_DATA.sub(rf'\g<head>"{MASKED}"', line))
    return "\n".join(kept)
