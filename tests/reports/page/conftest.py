"""One browser for the tests of a module."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Off the network; it stands for all pages of a module."""
    from tests.browser import browsing

    with browsing() as opened:
        yield opened
