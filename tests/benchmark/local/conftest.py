"""Lets what these tests import be no burden to all later ones."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _imports_are_for_good() -> Iterator[None]:
    """Torch and Transformers are a million objects, which each later garbage collection would walk through."""
    yield
    gc.collect()
    gc.freeze()
