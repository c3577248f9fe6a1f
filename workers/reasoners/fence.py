"""Marks around foreign text that foreign text cannot write itself."""

from __future__ import annotations

import re
import secrets

_LOOKALIKE = re.compile(r"<(?=\s{0,4}/?\s{0,4}data-)", re.IGNORECASE)


class Fence:
    """One investigation's marks: `<data-` and a random key, which nobody outside can know."""

    def __init__(self) -> None:
        self._key = secrets.token_hex(8)
        self.opening, self.closing = f"<data-{self._key}>", f"</data-{self._key}>"

    def around(self, text: str) -> str:
        """The text between the marks; whatever looks like a mark inside, and the key itself, is broken."""
        inner = _LOOKALIKE.sub("\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", text.replace(self._key, "key"))
        return f"{self.opening}\n{inner}\n{self.closing}"
