"""A run's questions and who answers them: the options, and what is made of them."""

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from benchmark.accounts.limits import Limits
from benchmark.clips.limits import USUAL, Limited
from benchmark.data.dataset import Dataset, read_samples
from benchmark.data.selection import parse_shard, select
from benchmark.errors import RunError
from benchmark.local.run import LocalRun
from benchmark.model import Model, Respondent, Watcher
from benchmark.models.find import ModelOptions, find_respondent
from benchmark.models.templates import read_templates
from benchmark.options import Listed, Parameters, Prices, option, split
from benchmark.suite import DEFAULT, Suite, find_suite
from benchmark.task import Sample

Modalities = Annotated[tuple[Literal["video", "audio"], ...], BeforeValidator(split)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """Which questions, and who answers them."""

    model: str = option(
        "signal", "SPEC", "model under test: a catalogued name, openai:NAME, hf:FOLDER_OR_ID, answers:FILE, signal,"
        " random, majority or python:MODULE:ATTR (default: signal)"
    )  # fmt: skip
    base_url: Listed = option((), "URL", "endpoint of openai:NAME; several, comma-separated, share the load")
    api_key_env: str | None = option(None, "VARIABLE", "environment variable that holds that endpoint's key")
    model_option: Parameters = option(
        (),
        "K=V,…",
        "request parameters for the model: temperature=0.2,max_tokens=900; for hf: how it is loaded as well",
    )
    gpus_per_worker: Annotated[int, Field(ge=1)] = option(
        1, "N", "GPUs that each process takes for models of hf:; a model is spread over them (default: 1)"
    )
    engine: str | None = option(
        None, "ray[:ADDRESS]", "where models of hf: are loaded: on a Ray cluster, else on this machine"
    )
    suite: str = option(DEFAULT, "NAME", f"which benchmark (default: {DEFAULT})")
    data: str | None = option(
        None,
        "WHERE",
        "samples: a folder, hf:ID, demo, or a JSONL, JSON, CSV or TSV file (default: $MME_EMOTION_DATA, else demo)",
    )
    tasks: Listed = option((), "NAMES", f"only these tasks, comma-separated: {', '.join(find_suite().tasks)}")
    limit: Annotated[int, Field(ge=1)] | None = option(
        None, "N", "only N samples, stratified over task and label, the same ones every time"
    )
    shard: str | None = option(None, "K/N", "only the K-th of N equal parts of the samples")
    concurrency: Annotated[int, Field(ge=1)] | None = option(
        None, "N", "requests in flight, of all processes together (default: what the provider usually takes)"
    )
    request_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = option(
        300.0, "SECONDS", "how long a request may take before it is sent again (default: 300)"
    )
    price: Prices = option(
        (), "NAME=IN/OUT,…", "USD per million input and output tokens, in place of what the package genai-prices says"
    )
    max_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = option(
        None, "USD", "stop before the requests of this run cost more"
    )
    estimate: bool = option(
        default=False,
        metavar="",
        text="only say what would be asked and what that costs; nothing is asked, no key is needed",
    )
    frames: Annotated[int, Field(ge=1)] = option(10, "N", "frames that the model sees at most (default: 10)")
    fps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = option(
        1.0, "F", "frames a second that the model sees (default: 1)"
    )
    spread: bool = option(
        default=False,
        metavar="",
        text="take the frames of a clip that is longer than they show from the whole of it, evenly, for the judge too",
    )
    clip_limits: Limited = option(
        USUAL,
        "K=V,…",
        "what a clip may take: sound_seconds=300 (its sound is cut there), megapixels=9 of a picture, decoded_gb=32 of"
        " pictures that are decoded to get at its frames, request_mb=32 of a request (default: as the provider takes)",
    )
    modalities: Modalities = option((), "LIST", "what the model is given: video,audio (default: what it takes)")
    decoder: Literal["pyav", "decord"] = option("pyav", "NAME", "decoder of frames: pyav or decord (default: pyav)")
    prompts: Path | None = option(None, "DIR", "prompt templates that replace those of the same name")
    cache: Path | None = option(None, "DIR", "where decoded frames and replies are kept (default: the user's cache)")
    cache_limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] = option(
        20.0, "GB", "how much of frames and sound is kept, least recently used goes (default: 20)"
    )
    no_cache: bool = option(default=False, metavar="", text="keep nothing beyond this run, and use nothing kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The questions of this run and who answers them, ready to start; `asks` is whether anybody will be asked."""

    options: BenchmarkOptions
    suite: Suite
    dataset: Dataset
    samples: tuple[Sample, ...]
    respondent: Model | Watcher | Respondent
    template: Template
    limits: Limits
    local: LocalRun
    asks: bool = True

    def check_engine(self) -> None:
        """Refuses an engine that nobody would use.

        Raises:
            RunError: no model of the run is loaded by us.
        """
        if self.options.engine is not None and self.local.is_empty:
            raise RunError(f"--engine={self.options.engine} loads models of hf:, and this run has none: leave it away.")


def prepare(options: BenchmarkOptions, limits: Limits, local: LocalRun, *, asks: bool = True) -> Bench:
    """The questions and the respondent that the options name; where nobody `asks`, no key is needed.

    Raises:
        RunError: the samples, the selection or the model are not to be had, or the model takes nothing of what it is to
            be sent.
    """
    suite = find_suite(options.suite)
    dataset = read_samples(options.data or "demo", suite)
    shard = parse_shard(options.shard) if options.shard else None
    samples = select(dataset.samples, tasks=options.tasks, limit=options.limit, shard=shard, suite=suite)
    settings = ModelOptions(
        base_urls=options.base_url,
        api_key_env=options.api_key_env,
        parameters=dict(options.model_option),
        modalities=options.modalities,
        prices=dict(options.price),
        request_mb=options.clip_limits.request_mb,
        limits=limits,
        local=local,
        asks=asks,
    )
    respondent = find_respondent(options.model, settings, dataset.samples)
    if options.modalities and isinstance(respondent, (Model, Watcher)):
        _check_modalities(options, respondent)
    template = read_templates(suite.home, options.prompts)["question"]
    return Bench(
        options=options,
        suite=suite,
        dataset=dataset,
        samples=samples,
        respondent=respondent,
        template=template,
        limits=limits,
        local=local,
        asks=asks,
    )


def _check_modalities(options: BenchmarkOptions, model: Model | Watcher) -> None:
    """Refuses a model of which every sample would fail, one by one, for want of anything to send it."""
    if model.modalities.isdisjoint(options.modalities):
        takes = ",".join(sorted(model.modalities & {"video", "audio"}))
        asked = ",".join(options.modalities)
        raise RunError(
            f"{options.model} takes {takes} alone, and is to be sent {asked}: send what it takes"
            f" (--modalities={takes}), or name a model that takes {asked}."
        )
