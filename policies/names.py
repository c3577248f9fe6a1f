"""A check that rego-cpp leaves out: a name that nothing declares.

OPA refuses such a module; rego-cpp evaluates the name to undefined, so that a misspelt denial would never deny.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from core.errors import ConfigError

_WORDS = frozenset({
    "package", "import", "as", "default", "if", "contains", "some", "every", "in", "not", "else", "with",
    "true", "false", "null", "input", "data", "_",
})  # fmt: skip
_QUIET = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*')
_IMPORT = re.compile(r"^import[ \t]+(?P<path>[\w.]+)(?:[ \t]+as[ \t]+(?P<alias>\w+))?", re.MULTILINE)
_HEAD = re.compile(r"^(?:default[ \t]+)?(?P<name>[a-zA-Z_]\w*)(?:\((?P<args>[^)]*)\))?", re.MULTILINE)
_LOCAL = re.compile(r"\b(?:some|every)[ \t]+(?P<names>\w+(?:[ \t]*,[ \t]*\w+)*)|\b(?P<name>\w+)[ \t]*:=")
_USE = re.compile(r"(?<![\w.])(?P<ref>[a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*)*)(?P<call>\()?")


def check_names(modules: Iterable[tuple[str, str]], is_builtin: Callable[[str], bool]) -> None:
    """Every name is declared in its module, and every function exists. Raises: ConfigError with file and line."""
    quiet = {path: _QUIET.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source) for path, source in modules}
    functions = {f"data.{_package(text)}.{name}" for text in quiet.values() for name in _heads(text)}
    for path, text in quiet.items():
        for line, wrong in _undeclared(text, functions, is_builtin):
            raise ConfigError(f"policies/{path}:{line} uses {wrong}, which nothing declares.")


def _undeclared(text: str, functions: set[str], is_builtin: Callable[[str], bool]) -> Iterator[tuple[int, str]]:
    imports = _imports(text)
    declared = _WORDS | _heads(text) | _locals(text) | imports.keys()
    body = re.sub(r"^(?:package|import)\b.*", "", text, flags=re.MULTILINE)
    for found in _USE.finditer(body):
        first, _, rest = found["ref"].partition(".")
        full = f"{imports.get(first, first)}.{rest}" if rest else first
        if found["call"] and (rest or first not in declared):
            known = full in functions or is_builtin(full)
        else:
            known = first in declared
        if not known:
            yield body[: found.start()].count("\n") + 1, full if found["call"] else first


def _package(text: str) -> str:
    found = re.search(r"^package[ \t]+([\w.]+)", text, re.MULTILINE)
    return found[1] if found else ""


def _imports(text: str) -> Mapping[str, str]:
    """Name to path: `import data.sre.types` gives "types" to "data.sre.types"."""
    found = _IMPORT.finditer(text)
    return {one["alias"] or one["path"].rpartition(".")[2]: one["path"] for one in found if one["path"] != "rego.v1"}


def _heads(text: str) -> set[str]:
    """The rules and functions that a module defines; a definition starts in the first column."""
    return {found["name"] for found in _HEAD.finditer(text)} - _WORDS


def _locals(text: str) -> set[str]:
    names: set[str] = set()
    for found in _LOCAL.finditer(text):
        names |= set(re.findall(r"\w+", found["names"] or found["name"]))
    for found in _HEAD.finditer(text):
        names |= set(re.findall(r"\w+", found["args"] or ""))
    return names
