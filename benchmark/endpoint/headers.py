"""How long a server asks to wait, by the headers of its replies."""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 64
"""Characters of a time or a number; longer texts are ignored."""


def pause_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds of pause by Retry-After (RFC 9110, section 10.2.3: seconds, or a date); None if not given."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    if len(text) > _LONGEST:
        return None
    if (seconds := _number(text)) is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def pause_due(headers: Mapping[str, str]) -> float | None:
    """Seconds until the server takes more, if the x-ratelimit headers say that nothing is left; otherwise None.

    Times are written as in `6m0s` or `250ms`, or as seconds (OpenAI's API reference, "Rate limits").
    """
    pauses = [
        span_of(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if _number(headers.get(f"x-ratelimit-remaining-{what}")) == 0
    ]
    return max((pause for pause in pauses if pause is not None), default=None)


def span_of(text: str) -> float | None:
    """Seconds of a time such as `6m0s`, `250ms` or `2.5`; None if the text is not a time."""
    if len(text) > _LONGEST:
        return None
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text or not parts:
        return _number(text)
    return sum(seconds * _SECONDS[unit] for number, unit in parts if (seconds := _number(number)) is not None)


def _number(text: str | None) -> float | None:
    if text is None or len(text) > _LONGEST:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
