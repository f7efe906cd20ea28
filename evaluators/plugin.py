"""What pytest sees of the judging side: options, and the `scorer`, `engine` and `score` fixtures."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template

import pytest

from benchmark.cache import Cache
from benchmark.catalogue import BUILT_IN
from benchmark.clip import ClipReader
from benchmark.engine import Engine
from benchmark.model import Connected, Model, ModelOptions, Respondent
from benchmark.models.cached import CachedModel
from benchmark.options import Listed, option
from benchmark.plugin import (
    Bench,
    BenchmarkOptions,
    add_options,
    bench_of,
    is_worker,
    read_options,
    runs_cases,
    usage_errors,
)
from benchmark.prompt import PROMPTS as QUESTION_PROMPTS
from benchmark.prompt import check_replacements, read_templates
from benchmark.task import Sample
from evaluators.clue import Listener
from evaluators.extractor import Extractor, PromptedExtractor
from evaluators.judge import Judge, PromptedJudge
from evaluators.lookup import PAPER_EXTRACTOR, PAPER_JUDGE, agent_spec, find_extractor, find_judge, find_listener
from evaluators.score import Score
from evaluators.scorer import Scored, Scorer, Unscored, answer_and_score

PROMPTS = Path(__file__).parent / "prompts"
DEMO_NAME = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorOptions:
    """Who judges."""

    extractor: str | None = option(
        None, "SPEC", f"step extractor: a model as for --model, or rules (default: {PAPER_EXTRACTOR}; demo: rules)"
    )
    extractor_base_url: Listed = option((), "URL", "its endpoint where it is openai:NAME (default: --base-url)")
    extractor_api_key_env: str | None = option(None, "VARIABLE", "environment variable that holds that endpoint's key")
    judge: str | None = option(
        None, "SPEC", f"judge: a model as for --model, or rules (default: {PAPER_JUDGE}; demo: rules)"
    )
    judge_base_url: Listed = option((), "URL", "its endpoint where it is openai:NAME (default: --base-url)")
    judge_api_key_env: str | None = option(None, "VARIABLE", "environment variable that holds that endpoint's key")
    clue_model: str | None = option(None, "SPEC", "model that describes the sound of clips without an audio clue")
    clue_model_base_url: Listed = option((), "URL", "its endpoint where it is openai:NAME (default: --base-url)")
    clue_model_api_key_env: str | None = option(None, "VARIABLE", "environment variable that holds that endpoint's key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Who judges in this run, before caching; a `Model` is still to be given its template."""

    extractor: Model | Extractor
    judge: Model | Judge
    listener: Model | None
    templates: Mapping[str, Template]


EVALUATOR_OPTIONS = pytest.StashKey[EvaluatorOptions]()
AGENTS = pytest.StashKey[Agents]()
ENGINE = pytest.StashKey[Engine[Scored | Unscored]]()
OUTCOME = pytest.StashKey[Scored | Unscored]()


def agents_of(config: pytest.Config) -> Agents:
    """The agents, found on first use.

    Raises:
        pytest.UsageError: one is not to be had, or there is nobody to judge.
    """
    if AGENTS not in config.stash:
        with usage_errors():
            config.stash[AGENTS] = _find(config.stash[EVALUATOR_OPTIONS], bench_of(config))
    return config.stash[AGENTS]


def _find(options: EvaluatorOptions, bench: Bench) -> Agents:
    chosen = partial(
        agent_spec,
        offline=bench.options.model in BUILT_IN and bench.dataset.name == DEMO_NAME,
        key_is_set=bool(os.environ.get("OPENAI_API_KEY")),
    )
    settings = partial(_settings, options=options, bench=bench.options)
    check_replacements(bench.options.prompts, [*QUESTION_PROMPTS.glob("*.txt"), *PROMPTS.glob("*.txt")])
    heard = find_listener(options.clue_model, settings("clue_model", ("audio",))) if options.clue_model else None
    return Agents(
        extractor=find_extractor(chosen(options.extractor, PAPER_EXTRACTOR), settings("extractor", ("video",))),
        judge=find_judge(chosen(options.judge, PAPER_JUDGE), settings("judge", ("video",))),
        listener=heard,
        templates=read_templates(PROMPTS, bench.options.prompts),
    )


def _settings(
    role: str, modalities: tuple[str, ...], *, options: EvaluatorOptions, bench: BenchmarkOptions
) -> ModelOptions:
    """An agent's own endpoint and key; where it is `openai:` and has none, the endpoint and key of `--base-url`."""
    urls: tuple[str, ...] = getattr(options, f"{role}_base_url")
    key_env: str | None = getattr(options, f"{role}_api_key_env")
    if not urls and (getattr(options, role) or "").startswith("openai:"):
        urls, key_env = bench.base_url, key_env or bench.api_key_env
    return ModelOptions(base_urls=urls, api_key_env=key_env, modalities=modalities)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options about who judges."""
    add_options(parser, "MME-Emotion: who judges", EvaluatorOptions)


def pytest_configure(config: pytest.Config) -> None:
    """Reads the options."""
    config.stash[EVALUATOR_OPTIONS] = read_options(config, EvaluatorOptions)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Finds the agents, and asks each endpoint whether it is there, before anything is collected or paid for."""
    config = session.config
    if not runs_cases(config):
        return
    agents_of(config)
    if not (config.option.collectonly or is_worker(config)):
        with usage_errors():
            asyncio.run(_check(_connected(config)))


def _connected(config: pytest.Config) -> list[Connected]:
    agents = agents_of(config)
    parts: tuple[object, ...] = (bench_of(config).respondent, agents.extractor, agents.judge, agents.listener)
    return [part for part in parts if isinstance(part, Connected)]


async def _check(parts: Iterable[Connected]) -> None:
    for part in {part.identity: part for part in parts}.values():
        await part.check()


async def _close(parts: Iterable[Connected]) -> None:
    for part in parts:
        await part.aclose()


@pytest.fixture(scope="session")
def scorer(pytestconfig: pytest.Config, kept: Cache, reader: ClipReader) -> Scorer:
    """Extractor, judge and, where one is named, the agent that describes sound."""
    agents = agents_of(pytestconfig)
    extractor, judge, listener, templates = agents.extractor, agents.judge, agents.listener, agents.templates
    if isinstance(extractor, Model):
        extractor = PromptedExtractor(CachedModel(extractor, kept), templates["extract"])
    if isinstance(judge, Model):
        judge = PromptedJudge(CachedModel(judge, kept), templates["judge"])
    heard = Listener(CachedModel(listener, kept), templates["listen"]) if listener else None
    return Scorer(extractor=extractor, judge=judge, reader=reader, listener=heard)


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, model: Respondent, scorer: Scorer, bench: Bench
) -> Iterator[Engine[Scored | Unscored]]:
    """Samples in flight: all of this process's, in order; under xdist, which deals cases out singly, the next one."""
    running = Engine(
        partial(answer_and_score, model=model, scorer=scorer),
        bench.options.concurrency,
        partial(_close, _connected(request.config)),
    )
    request.config.stash[ENGINE] = running
    if not is_worker(request.config):
        running.begin(_samples_of(request.session.items))
    yield running
    running.close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Begins the case after this one, so that an xdist worker waits for two samples at once."""
    running = item.config.stash.get(ENGINE, None)
    if running is not None:
        running.begin(_samples_of([item] if nextitem is None else [item, nextitem]))


def _samples_of(items: Iterable[pytest.Item]) -> Iterator[Sample]:
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "score" in item.fixturenames:
            sample = item.callspec.params["sample"]
            assert isinstance(sample, Sample)
            yield sample


@pytest.fixture
def score(request: pytest.FixtureRequest, sample: Sample, engine: Engine[Scored | Unscored]) -> Score:
    """The sample's score; waits for it. A sample without one is an error of this fixture, not a failure of the case."""
    outcome = engine.result(sample)
    request.node.stash[OUTCOME] = outcome
    if isinstance(outcome, Unscored):
        request.node.user_properties.append(("unscored", outcome.stage))
        pytest.fail(f"{sample.id} has no score ({outcome.stage}): {outcome.error}", pytrace=False)
    request.node.user_properties += [
        ("recognition", float(outcome.score.recognition)),
        ("reasoning", float(outcome.score.reasoning)),
        ("cot", float(outcome.score.cot())),
    ]
    return outcome.score
