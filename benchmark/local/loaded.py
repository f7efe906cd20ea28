"""Loads all networks of a process together."""

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
"""Loads a network, given the lock that it holds while it generates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A checkpoint to load.

    Attributes:
        checkpoint: its files.
        settings: how it is loaded.
        steps: the most tokens that a reply may have, over all parts of the run that use it.
    """

    checkpoint: Checkpoint
    settings: LocalSettings
    steps: int

    def line(self, load: Callable[[], Network], give_up: Callable[[str], None]) -> Batcher:
        """A batcher for its requests; `load` and `give_up` as for `Batcher`."""
        return Batcher(load, partial(Sizer, fixed=self.settings.batch, steps=self.steps), give_up)


def load_all(wanted: Mapping[str, Wanted], load: Load = TransformersNetwork) -> Mapping[str, Network]:
    """The loaded networks, by the keys of `wanted`.

    All are loaded before any generates, so that no batch takes memory that another's weights need. They take turns in
    generating, so that each may use all the memory that is left, and a batch's peak memory is its own.

    Raises:
        RunError: a network cannot be loaded.
    """
    turn = threading.Lock()
    networks = {key: load(one.checkpoint, one.settings, turn) for key, one in wanted.items()}
    for network in networks.values():
        network.measure_room()
    return networks
