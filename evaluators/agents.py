"""Who judges in a run: the options, and the agents that they name."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template
from typing import Annotated

from pydantic import Field

from benchmark.accounts.catalogue import BUILT_IN
from benchmark.accounts.snapshots import is_same_model
from benchmark.errors import RunError
from benchmark.model import Model
from benchmark.models.find import ModelOptions
from benchmark.models.templates import check_replacements, read_templates
from benchmark.options import Listed, Parameters, option
from benchmark.run_setup import Bench
from benchmark.text import SEATS
from evaluators.judge.extractor import TEXTS as EXTRACTED
from evaluators.judge.extractor import Extractor
from evaluators.judge.fence import fenced
from evaluators.judge.judge import TEXTS as JUDGED
from evaluators.judge.judge import Judge, PromptedJudge
from evaluators.judge.panel import Panel
from evaluators.lookup import PAPER_EXTRACTOR, PAPER_JUDGE, agent_spec, find_extractor, find_judge, find_listener
from evaluators.metrics.measures import measures_of
from evaluators.scorer import Thoughts

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
    extractor_option: Parameters = option((), "K=V,…", "its request parameters, as --model-option")
    judge: Listed = option(
        (), "SPEC", f"judge: a model as for --model, or rules (default: {PAPER_JUDGE}; demo: rules); of several, "
        "the majority rates", repeated=True,
    )  # fmt: skip
    judge_base_url: Listed = option((), "URL", "its endpoint where it is openai:NAME (default: --base-url)")
    judge_api_key_env: str | None = option(None, "VARIABLE", "environment variable that holds that endpoint's key")
    judge_option: Parameters = option((), "K=V,…", "request parameters of every judge, as --model-option")
    repeats: Annotated[int, Field(ge=1)] = option(
        1, "K", "answer and judge each sample K times, and split the variance into model, judge and sample"
    )
    thoughts: Thoughts = option(
        "rated", "WHAT", "what a model shows of its thinking: rated as the reasoning before its answer, or ignored"
        " (default: rated)"
    )  # fmt: skip
    clue_model: str | None = option(None, "SPEC", "model that describes the sound of clips without an audio clue")
    clue_model_base_url: Listed = option((), "URL", "its endpoint where it is openai:NAME (default: --base-url)")
    clue_model_api_key_env: str | None = option(None, "VARIABLE", "environment variable that holds that endpoint's key")
    clue_model_option: Parameters = option((), "K=V,…", "its request parameters, as --model-option")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Who judges in this run, before caching; a `Model` is still to be given its template."""

    extractor: Model | Extractor
    judges: tuple[Model | Judge, ...]
    listener: Model | None
    templates: Mapping[str, Template]

    @property
    def judge_name(self) -> str:
        """The judge's, or all judges'."""
        return SEATS.join(judge.name for judge in self.judges)


def find_agents(options: EvaluatorOptions, bench: Bench) -> Agents:
    """The agents that the options name.

    Raises:
        RunError: one is not to be had, there is nobody to judge, one model would judge twice, or a prompt of the user's
            does not enclose what it should.
    """
    demo = bench.options.model in BUILT_IN and bench.dataset.name == DEMO_NAME
    chosen = partial(
        agent_spec,
        offline=demo or not measures_of(bench.suite).roles,
        key_is_set=not bench.asks or bool(os.environ.get("OPENAI_API_KEY")),
    )
    settings = partial(_settings, options=options, bench=bench)
    judges = options.judge or (chosen(None, PAPER_JUDGE),)
    check_replacements(bench.options.prompts, [*bench.suite.home.glob("*.txt"), *PROMPTS.glob("*.txt")])
    extractor, clue_model = chosen(options.extractor, PAPER_EXTRACTOR), options.clue_model
    found = tuple(find_judge(judge, settings("judge", judge, ("video",))) for judge in judges)
    _refuse_twins(found)
    templates = read_templates(PROMPTS, bench.options.prompts)
    fenced(templates["extract"].template, EXTRACTED)
    fenced(templates["judge"].template, JUDGED)
    return Agents(
        extractor=find_extractor(extractor, settings("extractor", extractor, ("video",))),
        judges=found,
        listener=find_listener(clue_model, settings("clue_model", clue_model, ("audio",))) if clue_model else None,
        templates=templates,
    )


def _refuse_twins(judges: Sequence[Model | Judge]) -> None:
    """Says no to a panel in which one model has two seats; who answers under other names is seen when it does.

    Raises:
        RunError: names it.
    """
    names = [judge.name for judge in judges]
    for place, name in enumerate(names):
        if any(is_same_model(other, name) and is_same_model(name, other) for other in names[:place]):
            raise RunError(f"{name} is named as judge twice: a panel needs different models; --repeats asks one again.")


def _settings(
    role: str, spec: str, modalities: tuple[str, ...], *, options: EvaluatorOptions, bench: Bench
) -> ModelOptions:
    """An agent's own endpoint and key; where it is `openai:` and has none, the endpoint and key of `--base-url`."""
    urls: tuple[str, ...] = getattr(options, f"{role}_base_url")
    key_env: str | None = getattr(options, f"{role}_api_key_env")
    if not urls and spec.startswith("openai:"):
        urls, key_env = bench.options.base_url, key_env or bench.options.api_key_env
    prices = dict(bench.options.price)
    return ModelOptions(
        base_urls=urls,
        api_key_env=key_env,
        parameters=dict(getattr(options, f"{role}_option")),
        modalities=modalities,
        prices=prices,
        request_mb=bench.options.clip_limits.request_mb,
        limits=bench.limits,
        urgent=True,
        local=bench.local,
        asks=bench.asks,
    )


def judge_of(agents: Agents, behind: Callable[[Model, str], Model]) -> Judge:
    """The judge, or the panel of them, ready to be asked; `behind` puts a model of that role behind what asks it."""
    judges = [
        PromptedJudge(behind(judge, "judge" if number == 1 else f"judge {number}"), agents.templates["judge"])
        if isinstance(judge, Model)
        else judge
        for number, judge in enumerate(agents.judges, 1)
    ]
    return judges[0] if len(judges) == 1 else Panel(tuple(judges))
