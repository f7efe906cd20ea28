"""How long a server wants to be left alone, by the headers of its replies."""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 64
"""Characters of a time or a number; what is longer is none."""


def pause_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds that a refusal's Retry-After asks for (RFC 9110, section 10.2.3: seconds, or a date); None without."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    told = headers.get("retry-after", "")
    if len(told) > _LONGEST:
        return None
    if (seconds := _number(told)) is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def pause_due(headers: Mapping[str, str]) -> float | None:
    """Seconds until more is allowed, where the x-ratelimit headers say that nothing is left; None otherwise.

    Times are written as in `6m0s` or `250ms`, or as seconds (OpenAI's API reference, "Rate limits").
    """
    pauses = [
        span_of(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if _number(headers.get(f"x-ratelimit-remaining-{what}")) == 0
    ]
    return max((pause for pause in pauses if pause is not None), default=None)


def span_of(told: str) -> float | None:
    """Seconds of a time such as `6m0s`, `250ms` or `2.5`; None for what is none."""
    if len(told) > _LONGEST:
        return None
    parts = _PART.findall(told)
    if "".join(number + unit for number, unit in parts) != told or not parts:
        return _number(told)
    return sum(number * _SECONDS[unit] for text, unit in parts if (number := _number(text)) is not None)


def _number(told: str | None) -> float | None:
    if told is None or len(told) > _LONGEST:
        return None
    try:
        number = float(told)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
