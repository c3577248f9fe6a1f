"""Secrets that span lines: private keys, and the values inside a Kubernetes Secret's manifest."""

from __future__ import annotations

import re

from core.secret_shapes import MASKED

_PEM_EDGE = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_QUOTE = re.compile(r"\\*[\"']")
_KEY_LINE = re.compile(r"[A-Za-z0-9+/]{1,512}={0,2}|(?:Proc-Type|DEK-Info|Comment|Version): .*")
_KEY_LINE_OF_LOG = re.compile(r".* [A-Za-z0-9+/]{40,512}={0,2}")


def mask_private_keys(text: str) -> str:
    """The text without PEM private keys: whole, on one line with escaped breaks, and cut off at either end."""
    kept: list[str] = []
    inside = False  # whether the line begins within a key
    for line in text.split("\n"):
        if not _PEM_EDGE.search(line):
            inside = inside and _is_key_line(line)
            if not inside:
                kept.append(line)
            continue
        began_inside = inside
        masked, inside = _mask_line(line, inside, kept)
        if masked.strip() or not began_inside:
            kept.append(masked)
    return "\n".join(kept)


def _mask_line(line: str, inside: bool, kept: list[str]) -> tuple[str, bool]:
    """A line that keys begin or end in, without them, and whether it ends within one. May take lines off `kept`."""
    said: list[str] = []
    at = 0
    for edge in _PEM_EDGE.finditer(line):
        part = line[at : edge.start()]
        if inside:
            part = _from_quote(part)
            inside = not part
        if not inside and edge[1] == "BEGIN":
            said += [part, MASKED]
        elif not inside:  # the end of a key whose beginning was not seen
            if at == 0:
                _drop_key_lines(kept)
            said += [_until_quote(part), MASKED]
        inside = edge[1] == "BEGIN"
        at = edge.end()
    tail = _from_quote(line[at:]) if inside else line[at:]
    return "".join([*said, tail]), inside and not tail


def _drop_key_lines(kept: list[str]) -> None:
    """Take back the lines of a key whose beginning was not seen; its last line may be short, the others are full."""
    shortest = 1
    while kept and len(kept[-1]) >= shortest and _is_key_line(kept[-1]):
        kept.pop()
        shortest = 20


def _until_quote(head: str) -> str:
    """What stands before the text that a key ends in: up to the quote that opens it."""
    return head[: max(head.rfind('"'), head.rfind("'")) + 1]


def _from_quote(tail: str) -> str:
    """What stands after the text in which a key begins and does not end: from the quote that closes it."""
    found = _QUOTE.search(tail)
    return tail[found.start() :] if found else ""


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
