"""`hf:PATH_OR_ID`: a checkpoint on this machine's own devices, or on a cluster's."""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from benchmark.accounts.limits import Account, Limits
from benchmark.accounts.prices import Price, StatedPrice
from benchmark.clip import as_frames
from benchmark.errors import ModelError
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.run import LocalRun
from benchmark.local.settings import LocalSettings
from benchmark.model import Answer, Ending
from benchmark.prompt import Modality, Prompt
from benchmark.usage import Usage

WAITING = 192
"""Requests that each process has in line: some batches, so that each is put together from prompts of like length."""

HEADROOM = 2
"""How often that for each of a cluster's actors, so that none waits while what comes next is made ready."""


class LocalModel:
    """A `Model` whose weights are here; costs nothing but time."""

    def __init__(
        self, checkpoint: Checkpoint, settings: LocalSettings, run: LocalRun, limits: Limits, *, urgent: bool
    ) -> None:
        """Loads nothing yet."""
        self._checkpoint, self._settings, self._run, self._urgent = checkpoint, settings, run, urgent
        self._generation = tuple(settings.generation.items())
        self._key = run.add(checkpoint, settings)
        self._account: Account = limits.account(f"hf:{self._key}", WAITING, own=True)

    @property
    def price(self) -> Price:
        """What its tokens cost: nothing."""
        return StatedPrice(0.0, 0.0)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """How many tokens an answer may have, by the name that endpoints have for it."""
        return {"max_tokens": self._settings.generation["max_new_tokens"]}

    @property
    def name(self) -> str:
        """The folder's or the hub's name for it."""
        return self._checkpoint.short_name

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can be sent."""
        return self._checkpoint.modalities

    @cached_property
    def identity(self) -> str:
        """What its files hold and how it is asked; reads the files where they are not known.

        Raises:
            RunError: files are missing.
        """
        return f"{self._checkpoint.identity(self._run.site.digest)} {self._settings.identity}"

    async def check(self) -> None:
        """Fetches what is missing, and looks whether all that is to be loaded fits.

        Raises:
            RunError: it does not; says what is needed and what there is.
        """
        self._run.check()  # which has been done on the main thread: what fetches for minutes must heed Ctrl-C
        self._widen()

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply, generated together with others that wait.

        Raises:
            ModelError: the network does not take the prompt, or says nothing.
            RunError: the checkpoint cannot be loaded.
        """
        frames = as_frames(prompt.frames)
        if not frames.ready:
            await asyncio.to_thread(frames.encoded)
        self._widen()  # here, since the account is the loop's
        async with self._account.slot(urgent=self._urgent):
            answering = self._run.answering(self._key)
            generated = await asyncio.wrap_future(answering.submit(prompt, self._generation, urgent=self._urgent))
        usage = Usage(
            requests=1,
            input_tokens=generated.input_tokens,
            output_tokens=generated.output_tokens,
            seconds=generated.seconds,
            cost_usd=0.0,
        )
        if not generated.text.strip():
            why = "" if generated.ended else " (its tokens ran out; raise max_new_tokens)"
            raise ModelError(f"hf:{self.name} gave an empty answer{why}.", usage=usage)
        ending: Ending = "whole" if generated.ended else "cut off"
        return Answer(text=generated.text, model=self.name, usage=usage, ending=ending)

    def _widen(self) -> None:
        """Lets as many requests be in flight as a cluster has come to have room for."""
        if self._run.places > 1:
            self._account.widen(HEADROOM * self._run.places * WAITING)

    async def aclose(self) -> None:
        """Does nothing: the network belongs to the run, whose end lets go of it."""
