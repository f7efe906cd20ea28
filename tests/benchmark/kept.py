"""What is in a cache's file, whatever the keys are made of."""

import sqlite3
from contextlib import closing

from benchmark.storage.cache import Cache


def keys_of(cache: Cache, kind: str) -> list[str]:
    """The keys of that kind, in no order."""
    with closing(sqlite3.connect(cache.path)) as file:
        return [key for (key,) in file.execute("SELECT key FROM kept WHERE key LIKE ?", (f"{kind}:%",))]
