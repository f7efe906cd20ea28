"""All networks of a process, loaded together."""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmark.local.batching import Batcher, Network
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.network import TransformersNetwork
from benchmark.local.settings import LocalSettings
from benchmark.local.sizing import Sizer

Load = Callable[[Checkpoint, LocalSettings, AbstractContextManager[Any]], Network]
"""Loads a network, which takes turns in generating with others that share its devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A checkpoint that is to be loaded.

    Attributes:
        steps: tokens that an answer may have at most, whichever part of the run asks.
    """

    checkpoint: Checkpoint
    settings: LocalSettings
    steps: int

    def line(self, load: Callable[[], Network], give_up: Callable[[str], None]) -> Batcher:
        """A line of requests before it; `load` and `give_up` as for `Batcher`."""
        return Batcher(load, partial(Sizer, fixed=self.settings.batch, steps=self.steps), give_up)


def load_all(wanted: Mapping[str, Wanted], load: Load = TransformersNetwork) -> Mapping[str, Network]:
    """The networks by key.

    They are loaded before any of them generates, so that the batches of one do not take the room that another's weights
    need; and they take turns, so that each has all that is left, and what a batch took is its own.

    Raises:
        RunError: one cannot be loaded.
    """
    turn = threading.Lock()
    networks = {key: load(one.checkpoint, one.settings, turn) for key, one in wanted.items()}
    for network in networks.values():
        network.measure_room()
    return networks
