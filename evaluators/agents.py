"""The agents that judge in a run, and their options."""

import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any, Generic, TypeVar

from benchmark.accounts.catalogue import BUILT_IN
from benchmark.accounts.snapshots import is_same_model
from benchmark.data.dataset import DEMO_NAME
from benchmark.errors import RunError
from benchmark.model import Model
from benchmark.models.find import ModelOptions
from benchmark.models.templates import check_replacements, read_templates
from benchmark.options import AtLeastOne, Listed, Parameters, option, option_group
from benchmark.prompt import Modality
from benchmark.run_setup import QUESTION, Bench, model_options
from benchmark.text import SEATS
from evaluators.bertscore import BertScore, BertScoreOptions, find_bertscore
from evaluators.judge.extractor import Extractor
from evaluators.judge.fence import fenced
from evaluators.judge.judge import Judge, PromptedJudge
from evaluators.judge.panel import Panel
from evaluators.lookup import PAPER_EXTRACTOR, PAPER_JUDGE, agent_spec, find_extractor, find_judge, find_listener
from evaluators.measures import measures_of
from evaluators.metrics.metric import Thoughts

PROMPTS = Path(__file__).parent / "prompts"

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions(Generic[S]):
    """The options of an agent: its model, and how it is asked.

    Attributes:
        spec: of the model, or of each model, as `find` takes it.
        base_url: endpoints of `openai:NAME`.
        api_key_env: environment variable with their key.
        option: parameters of each request.
    """

    spec: S = option(None, "SPEC", "model")
    base_url: Listed = option((), "URL", "endpoint of the {} if it is openai:NAME (default: --base-url)")
    api_key_env: str | None = option(None, "VARIABLE", "environment variable with the key of that endpoint")
    option: Parameters = option((), "K=V,…", "request parameters for the {}, as for --model-option")

    def over(self, shared: ModelOptions, modality: Modality) -> ModelOptions:
        """The options of this agent's model; `shared` has the options that all models of the run share."""
        return replace(
            shared,
            base_urls=self.base_url,
            api_key_env=self.api_key_env,
            parameters=dict(self.option),
            modalities=(modality,),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorOptions:
    """The agents that judge, and how."""

    extractor: AgentOptions[str | None] = option_group(
        AgentOptions(spec=None),
        f"step extractor: a model as for --model, or rules (default: {PAPER_EXTRACTOR}; demo: rules)",
    )
    judge: AgentOptions[Listed] = option_group(
        AgentOptions(spec=()),
        f"judge: a model as for --model, or rules (default: {PAPER_JUDGE}; demo: rules); may be repeated: the majority "
        "of several judges decides",
        repeated=True,
    )
    repeats: AtLeastOne = option(
        1, "K", "answer and judge each sample K times, and split the variance into model, judge and sample (default: 1)"
    )
    thoughts: Thoughts = option(
        "rated", "WHAT", "thinking that the model shows: rated as reasoning before its answer, or ignored"
        " (default: rated)"
    )  # fmt: skip
    clue_model: AgentOptions[str | None] = option_group(
        AgentOptions(spec=None), "model that describes the sound of clips without an audio clue"
    )
    bertscore: BertScoreOptions = option_group(
        BertScoreOptions(),
        "encoder that compares answers with reference texts, for BERTScore: hf:FOLDER_OR_ID, e.g."
        " hf:FacebookAI/roberta-large; computed on the CPU (default: none)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """The agents of this run, before caching; a `Model` becomes an agent with its template.

    The templates are those of all suites, and the suite's own.
    """

    extractor: Model | Extractor
    judges: tuple[Model | Judge, ...]
    listener: Model | None
    templates: Mapping[str, Template]
    bertscore: BertScore | None = None

    @property
    def judge_name(self) -> str:
        """The name of the judge, or the names of all judges."""
        return SEATS.join(judge.name for judge in self.judges)


def find_agents(options: EvaluatorOptions, bench: Bench) -> Agents:
    """The agents that the options name.

    Raises:
        RunError: an agent cannot be used, no judge is configured, one model would judge twice, the fences of a user's
            prompt are not in pairs, a metric needs a package that is not installed, or an option cannot be used for
            dialogues.
    """
    demo = bench.options.model in BUILT_IN and bench.dataset.name == DEMO_NAME
    measures_of(bench.suite).check()
    needed = measures_of(bench.suite).roles
    key_is_set = not bench.asks or bool(os.environ.get("OPENAI_API_KEY"))

    def chosen(role: str, asked: str | None, paper: str) -> str:
        return agent_spec(asked, paper, offline=demo or role not in needed, key_is_set=key_is_set)

    shared = replace(model_options(bench.options, bench.limits, bench.local, asks=bench.asks), urgent=True)

    def settings(agent: AgentOptions[Any], spec: str, modality: Modality) -> ModelOptions:
        if spec.startswith("openai:") and not agent.base_url:
            key = agent.api_key_env or bench.options.api_key_env
            agent = replace(agent, base_url=bench.options.base_url, api_key_env=key)
        return agent.over(shared, modality)

    judges = options.judge.spec or (chosen("judge", None, PAPER_JUDGE),)
    check_replacements(bench.options.prompts, [*bench.suite.prompts, *PROMPTS.glob("*.txt")])
    extractor, clue_model = chosen("extractor", options.extractor.spec, PAPER_EXTRACTOR), options.clue_model.spec
    if any(sample.task.turns for sample in bench.samples):
        _refuse_for_dialogues(options)
    found = tuple(find_judge(judge, settings(options.judge, judge, "video")) for judge in judges)
    _refuse_twins(found)
    templates = _templates(bench)
    for template in templates.values():
        fenced(template.template, frozenset())  # checks its fences, before any request is sent
    return Agents(
        extractor=find_extractor(extractor, settings(options.extractor, extractor, "video")),
        judges=found,
        listener=find_listener(clue_model, settings(options.clue_model, clue_model, "audio")) if clue_model else None,
        templates=templates,
        bertscore=_bertscore_of(options.bertscore, needed, bench.suite.name),
    )


def _bertscore_of(options: BertScoreOptions, needed: Set[str], suite: str) -> BertScore | None:
    if options.model is None:
        if options.layer is not None:
            raise RunError("--bertscore-layer is a layer of the model of --bertscore; name that, or omit it.")
        return None
    if "bertscore" not in needed:
        raise RunError(f"--bertscore compares answers with reference texts, which {suite} does not have; omit it.")
    return find_bertscore(options)


def _refuse_for_dialogues(options: EvaluatorOptions) -> None:
    """Raises a RunError for options that make no sense where the judge plays the user of a dialogue."""
    if options.repeats > 1:
        raise RunError(
            "--repeats judges an answer again, but in a dialogue the judge's part decides what is asked; omit it."
        )
    if len(options.judge.spec) > 1:
        raise RunError("--judge names several judges, but one judge plays the user of a dialogue; name one.")


def _templates(bench: Bench) -> Mapping[str, Template]:
    """The prompts of all suites and the suite's own by name; of several suites without the wordings of questions.

    Raises:
        RunError: a replacement cannot be used, or two suites have different prompts of the same name.
    """
    found: dict[str, Template] = {}
    for home in (PROMPTS, *(suite.home for suite in bench.suite.places.values())):
        for name, one in read_templates(home, bench.options.prompts).items():
            if bench.suite.members and name == QUESTION:
                continue
            if bench.suite.members and found.setdefault(name, one).template != one.template:
                raise RunError(f"--suite={bench.suite.name}: two prompts are called {name}; run these suites apart.")
            found[name] = one
    return found


def _refuse_twins(judges: Sequence[Model | Judge]) -> None:
    """Raises a RunError if two judges have the same name; that two names mean one model shows only when it answers."""
    names = [judge.name for judge in judges]
    for place, name in enumerate(names):
        if any(is_same_model(other, name) and is_same_model(name, other) for other in names[:place]):
            raise RunError(
                f"--judge names {name} twice: a panel needs different models; to ask one model again, use --repeats."
            )


def judge_of(
    judges: Sequence[Model | Judge], templates: Mapping[str, Template], behind: Callable[[Model, str], Model]
) -> Judge:
    """The judge, or the panel of judges; `behind(model, role)` wraps a model before it is asked."""
    roles = ["judge", *(f"judge {number}" for number in range(2, len(judges) + 1))]
    seats = tuple(
        PromptedJudge(behind(judge, role), templates) if isinstance(judge, Model) else judge
        for judge, role in zip(judges, roles, strict=True)
    )
    return seats[0] if len(seats) == 1 else Panel(seats)
