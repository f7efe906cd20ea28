"""`hf:PATH_OR_ID`: a checkpoint on the devices of this machine or of a cluster."""

import asyncio
from functools import cached_property

from benchmark.accounts.limits import Account, Limits
from benchmark.accounts.prices import StatedPrice
from benchmark.clip import as_frames
from benchmark.errors import ModelError
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.run import LocalRun
from benchmark.local.settings import LocalSettings
from benchmark.model import Answer, Ending
from benchmark.prompt import Prompt
from benchmark.usage import Usage

WAITING = 192
"""The requests that each process queues: several batches, so that a batch can have prompts of similar length."""

HEADROOM = 2
"""The factor on `WAITING` for each actor of a cluster, so that none waits while the next requests are prepared."""


class LocalModel:
    """A `Model` that is loaded by the run.

    Attributes:
        name: the name of its folder, or its id of the hub.
        modalities: what it takes.
        price: the price of its tokens: zero.
        parameters: the most tokens of a reply, under the name that endpoints use.
    """

    def __init__(
        self, checkpoint: Checkpoint, settings: LocalSettings, run: LocalRun, limits: Limits, *, urgent: bool
    ) -> None:
        """Loads nothing yet."""
        self._checkpoint, self._settings, self._run, self._urgent = checkpoint, settings, run, urgent
        self.name, self.modalities = checkpoint.short_name, checkpoint.modalities
        self.price, self.parameters = StatedPrice(0.0, 0.0), {"max_tokens": settings.generation["max_new_tokens"]}
        self._generation = tuple(settings.generation.items())
        self._key = run.add(checkpoint, settings)
        self._account: Account = limits.account(f"hf:{self._key}", WAITING, own=True)

    @cached_property
    def identity(self) -> str:
        """Hashes of its files, or its commit, with the settings that affect replies; may read all files.

        Raises:
            RunError: files are missing.
        """
        return f"{self._checkpoint.identity(self._run.site.digest)} {self._settings.identity}"

    async def check(self) -> None:
        """Fetches missing files, and checks whether all networks of the run fit on the devices.

        Raises:
            RunError: a checkpoint cannot be fetched or used, or does not fit.
        """
        self._run.check()  # the main thread has done this before, so that Ctrl-C can interrupt a long download
        self._widen()

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply, generated in a batch with other requests.

        Raises:
            ModelError: the network cannot process the prompt, or gives an empty answer.
            RunError: the checkpoint cannot be loaded, or the run has ended.
        """
        frames = as_frames(prompt.frames)
        if not frames.ready:
            await asyncio.to_thread(frames.encoded)
        self._widen()  # here, because the account belongs to the event loop
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
            why = "" if generated.ended else " (it reached its token limit; raise max_new_tokens)"
            raise ModelError(f"hf:{self.name} gave an empty answer{why}.", usage=usage)
        ending: Ending = "whole" if generated.ended else "cut off"
        return Answer(text=generated.text, model=self.name, usage=usage, ending=ending)

    def _widen(self) -> None:
        """Allows as many requests in flight as a growing cluster has room for."""
        if self._run.places > 1:
            self._account.widen(HEADROOM * self._run.places * WAITING)

    async def aclose(self) -> None:
        """Does nothing: the run owns the network, and frees it at its end."""
