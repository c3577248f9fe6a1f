"""Kubernetes' quantities: `250m`, `384Mi`, `1.5`."""

from __future__ import annotations

import re

_FACTORS = {
    "": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip


def amount(text: str | float) -> float:
    """The number that a quantity stands for. Raises: ValueError with Kubernetes' own words."""
    found = re.fullmatch(r"([+-]?\d*\.?\d+(?:[eE][+-]?\d+)?)([A-Za-z]*)", str(text))
    if not found or found[2] not in _FACTORS:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    return float(found[1]) * _FACTORS[found[2]]


def percent(text: str | int, of: int, *, up: bool) -> int:
    """`25%` of a number, rounded; a plain number is itself."""
    if isinstance(text, int) or not text.endswith("%"):
        return int(text)
    exact = int(text.removesuffix("%")) * of
    return -(-exact // 100) if up else exact // 100
