"""Numbers and times as Prometheus writes and reads them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal

import promql_parser as parser

from sandbox.prometheus.values import invalid


def format_value(value: float) -> str:
    """As Go writes floats without an exponent, except for the very large and the very small."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value and not 1e-6 <= abs(value) < 1e21:
        mantissa, _, exponent = f"{value!r}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{exponent}"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_time(text: str, name: str) -> float:
    """Unix seconds from a number or an RFC 3339 time. Raises: QueryError."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(name, f'cannot parse "{text}" to a valid timestamp') from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def parse_step(text: str) -> float:
    """Seconds from a number or a duration such as 5m. Raises: QueryError."""
    try:
        step = float(text)
    except ValueError:
        if not re.fullmatch(r"(\d+(ms|[smhdwy]))+", text):
            raise invalid("step", f'cannot parse "{text}" to a valid duration') from None
        step = parser.parse_duration(text).total_seconds()
    if not 0 < step < math.inf:
        raise invalid("step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
    return step
