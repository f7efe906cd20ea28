"""The options of the samples and the model under test, and the setup of a run from them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from benchmark.accounts.limits import Limits
from benchmark.clips.limits import USUAL, Limited
from benchmark.data.dataset import Dataset, read_data
from benchmark.data.selection import parse_shard, select
from benchmark.errors import RunError
from benchmark.local.run import LocalRun
from benchmark.model import Model, Respondent, Watcher
from benchmark.models.answers import AnswersFile
from benchmark.models.find import ModelOptions, find_respondent
from benchmark.models.questions import QuestionSettings, check_questions, refuse_dialogues
from benchmark.models.templates import read_templates
from benchmark.options import AtLeastOne, Listed, NotNegative, Parameters, Positive, Prices, option, split, switch
from benchmark.suite import DEFAULT, Suite, find_suite
from benchmark.task import Sample

QUESTION = "question"
"""The name of the prompt with the wording of a suite's questions."""

Allowed = Literal["video", "audio", "clip"]


def _pictures_of_clip(given: tuple[Allowed, ...]) -> tuple[Allowed, ...]:
    """The modalities, with `video` if the whole clip is among them: it is how the pictures are sent."""
    return given if "clip" not in given or "video" in given else ("video", *given)


def _lines(given: object) -> Any:
    return [line for line in given.split("\n") if line.strip()] if isinstance(given, str) else given


Places = Annotated[tuple[str, ...], BeforeValidator(_lines)]
"""Places of data; a text, as in the ini section, has one on each line."""

Modalities = Annotated[tuple[Allowed, ...], BeforeValidator(split), AfterValidator(_pictures_of_clip)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """The options of the samples and the model under test."""

    model: str = option(
        "signal", "SPEC", "model under test: a catalogued name, openai:NAME, hf:FOLDER_OR_ID, answers:FILE, signal,"
        " random, majority or python:MODULE:ATTR (default: signal)"
    )  # fmt: skip
    base_url: Listed = option((), "URL", "endpoint of openai:NAME; several, comma-separated, share the load")
    api_key_env: str | None = option(None, "VARIABLE", "environment variable with the key of that endpoint")
    model_option: Parameters = option(
        (),
        "K=V,…",
        "request parameters for the model, e.g. temperature=0.2,max_tokens=900; for hf: also how it is loaded",
    )
    gpus_per_worker: AtLeastOne = option(
        1, "N", "GPUs of each process for hf: models; a model is spread over them (default: 1)"
    )
    suite: str = option(DEFAULT, "NAMES", f"which benchmark, or several, comma-separated (default: {DEFAULT})")
    engine: str | None = option(None, "ray[:ADDRESS]", "load hf: models on a Ray cluster (default: on this machine)")
    data: Places = option(
        (),
        "WHERE",
        "samples: a folder, hf:ID, demo, or a JSONL, JSON, CSV or TSV file (default: $MME_EMOTION_DATA, else demo); of"
        " several suites a folder with a sub-folder for each, or SUITE=WHERE, which may be repeated",
        repeated=True,
    )
    tasks: Listed = option((), "NAMES", f"only these tasks, comma-separated: {', '.join(find_suite().tasks)}")
    limit: AtLeastOne | None = option(
        None, "N", "only N samples of each suite, stratified by task and label, the same ones every time"
    )
    shard: str | None = option(None, "K/N", "only the K-th of N equal parts of the samples")
    answered_only: bool = switch("only the samples that answers:FILE answers; the report says how many are left out")
    concurrency: AtLeastOne | None = option(
        None, "N", "requests in flight, over all processes (default: the provider's usual limit)"
    )
    request_timeout: Positive = option(300.0, "SECONDS", "time after which a request is sent again (default: 300)")
    price: Prices = option(
        (), "NAME=IN/OUT,…", "price in USD per million input and output tokens (default: from the package genai-prices)"
    )
    max_cost: NotNegative | None = option(None, "USD", "stop before this run costs more")
    estimate: bool = switch(
        "print how many requests the run would send and what it would cost, then stop; needs no key"
    )
    frames: AtLeastOne = option(10, "N", "maximum number of frames that the model sees (default: 10)")
    fps: Positive = option(1.0, "F", "frames per second that the model sees (default: 1)")
    spread: bool = switch("spread the frames evenly over the whole of a long clip, for the judge too")
    clip_limits: Limited = option(
        USUAL,
        "K=V,…",
        "limits on a clip: sound_seconds=300 (longer sound is cut), megapixels=9 of a picture, decoded_gb=32 of decoded"
        " pictures, request_mb=32 of a request (default: the provider's limit)",
    )
    modalities: Modalities = option(
        (), "LIST", "what the model is sent: video,audio, or clip,audio for whole clips (default: all that it accepts)"
    )
    decoder: Literal["pyav", "decord"] = option("pyav", "NAME", "decoder for frames: pyav or decord (default: pyav)")
    prompts: Path | None = option(
        None, "DIR", "folder of prompt templates, which replace the built-in ones of the same name"
    )
    cache: Path | None = option(
        None, "DIR", "folder of the cache of frames and replies (default: in the user's cache folder)"
    )
    cache_limit: NotNegative = option(
        20.0, "GB", "size up to which frames and sound are cached; the least recently used are deleted (default: 20)"
    )
    no_cache: bool = switch("neither use nor fill the cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The model under test, ready to start, and the `samples` selected for it; `asks` if any request will be sent.

    `templates` are the wordings of questions, by the `suite` of their task.
    With `--answered-only`, `unanswered` is how many samples of how many of the selected tasks have no answer.
    """

    options: BenchmarkOptions
    suite: Suite
    dataset: Dataset
    samples: tuple[Sample, ...]
    respondent: Model | Watcher | Respondent
    templates: Mapping[str, Template]
    limits: Limits
    local: LocalRun
    asks: bool = True
    unanswered: tuple[int, int] = (0, 0)

    def check_engine(self) -> None:
        """Checks that a given `--engine` is used.

        Raises:
            RunError: the run has no model that the suite loads.
        """
        if self.options.engine is not None and self.local.is_empty:
            raise RunError(
                f"--engine={self.options.engine} applies to hf: models only, and this run has none; omit it."
            )


def data_of_environment() -> tuple[str, ...]:
    """The places of data in the environment; empty if there are none."""
    return tuple(_lines(os.environ.get("MME_EMOTION_DATA", "")))


def prepare(options: BenchmarkOptions, limits: Limits, local: LocalRun, *, asks: bool = True) -> Bench:
    """The samples and the model under test that the options name; unless the run `asks`, no key is needed.

    Raises:
        DataError: the samples cannot be read.
        RunError: the selection or the model cannot be used, or the model accepts none of the given modalities.
    """
    suite = find_suite(options.suite)
    dataset = read_data(options.data, suite)
    samples = selected(options, suite, dataset.samples)
    respondent = find_respondent(options.model, model_options(options, limits, local, asks=asks), dataset.samples)
    if options.modalities and isinstance(respondent, (Model, Watcher)):
        _check_modalities(options, respondent)
    unanswered = (0, 0)
    if options.answered_only:
        of_tasks = selected(replace(options, limit=None, shard=None), suite, dataset.samples)
        answered = _answered(options.model, respondent, of_tasks)
        samples = selected(replace(options, tasks=()), suite, answered)
        unanswered = (len(of_tasks) - len(answered), len(of_tasks))
    templates = question_templates(options, suite)
    if isinstance(respondent, AnswersFile):
        refuse_dialogues(samples, "answers:FILE")
        check_questions(respondent, samples, question_settings(options, templates))
    return Bench(
        options=options,
        suite=suite,
        dataset=dataset,
        samples=samples,
        respondent=respondent,
        templates=templates,
        limits=limits,
        local=local,
        asks=asks,
        unanswered=unanswered,
    )


def model_options(
    options: BenchmarkOptions, limits: Limits, local: LocalRun | None = None, *, asks: bool = True
) -> ModelOptions:
    """The options of the model under test besides its name; the other arguments are the fields of those names."""
    return ModelOptions(
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


def selected(options: BenchmarkOptions, suite: Suite, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The samples that the options select of these.

    Raises:
        RunError: the selection is malformed or empty.
    """
    shard = parse_shard(options.shard) if options.shard else None
    return select(samples, tasks=options.tasks, limit=options.limit, shard=shard, suite=suite)


def question_templates(options: BenchmarkOptions, suite: Suite) -> Mapping[str, Template]:
    """The wordings of questions, by the `suite` of their task, which is "" in a run of one suite.

    Raises:
        RunError: a wording of the user's cannot be used.
    """
    homes = {member.task[0].suite: member.home for member in suite.places.values()}
    return {name: read_templates(home, options.prompts)[QUESTION] for name, home in homes.items()}


def question_settings(options: BenchmarkOptions, templates: Mapping[str, Template]) -> QuestionSettings:
    """The settings on which the questions of a run depend."""
    return QuestionSettings(
        templates=templates,
        fps=options.fps,
        most=options.frames,
        spread=options.spread,
        modalities=frozenset(options.modalities or ("video", "audio")),
        sound_seconds=options.clip_limits.sound_seconds,
    )


def _answered(spec: str, respondent: object, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The samples that have an answer, which may be empty.

    Raises:
        RunError: the respondent is no file of answers, or none of them belongs to these samples.
    """
    if not isinstance(respondent, AnswersFile):
        raise RunError(f"--answered-only needs --model=answers:FILE, got {spec}; omit it.")
    answered = tuple(sample for sample in samples if sample.id in respondent.answers)
    if not answered:
        raise RunError(f"{spec} answers none of the selected samples; select others with --tasks.")
    return answered


def _check_modalities(options: BenchmarkOptions, model: Model | Watcher) -> None:
    """Refuses a model that accepts none of the modalities, since every sample would fail, or no whole clips."""
    if "clip" in options.modalities and "clip" not in model.modalities:
        raise RunError(f"{options.model} takes no whole clips; use --modalities=video,audio, or what of it fits.")
    if model.modalities.isdisjoint(options.modalities):
        accepted = ",".join(sorted(model.modalities & {"video", "audio"}))
        asked = ",".join(options.modalities)
        raise RunError(
            f"{options.model} accepts {accepted} only, but --modalities is {asked}; use --modalities={accepted}, or a"
            f" model that accepts {asked}."
        )
