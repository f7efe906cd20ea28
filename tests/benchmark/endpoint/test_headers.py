"""Headers that say how long a server wants to be left alone."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.endpoint.headers import pause_asked, pause_due


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_asked(headers) == seconds


def test_retry_after_as_a_date() -> None:
    pause = pause_asked({"retry-after": formatdate(time.time() + 100, usegmt=True)})
    assert pause is not None
    assert 90 < pause <= 101


@pytest.mark.parametrize(
    ("left", "reset", "seconds"),
    [
        ("0", "6m0s", 360),
        ("0", "250ms", 0.25),
        ("0", "1h2m3.5s", 3723.5),
        ("0", "12", 12),
        ("0", "whenever", None),
        ("0", "", None),
        ("3", "6m0s", None),
    ],
)
def test_rate_limit_headers(left: str, reset: str, seconds: float | None) -> None:
    for what in ("requests", "tokens"):
        assert pause_due({f"x-ratelimit-remaining-{what}": left, f"x-ratelimit-reset-{what}": reset}) == seconds


@given(st.text(max_size=20), st.text(max_size=20))
def test_headers_of_any_shape_are_survived(told: str, reset: str) -> None:
    spent = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": reset}
    for pause in (pause_asked({"retry-after": told}), pause_due(spent)):
        assert pause is None or pause >= 0
