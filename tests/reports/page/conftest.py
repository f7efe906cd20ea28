"""One browser for the tests of a module."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Off the network; it stands for all pages of a module."""
    with browsing() as opened:
        yield opened
