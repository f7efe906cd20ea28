"""Finds the agents that options name."""

from datetime import date

from benchmark.accounts.catalogue import find_catalogued, has_ended
from benchmark.errors import RunError
from benchmark.model import Model
from benchmark.models.find import ModelOptions, find
from evaluators.judge.extractor import Extractor
from evaluators.judge.judge import Judge
from evaluators.judge.rules import RulesExtractor, RulesJudge
from evaluators.kept_steps import read_steps

PAPER_EXTRACTOR = "gpt-4.1-2025-04-14"
PAPER_JUDGE = "gpt-4o-2024-11-20"
"""The agents of the published scores (MME-Emotion, arXiv 2508.09210), both OpenAI's."""

RULES = "rules"


def agent_spec(asked: str | None, paper: str, *, offline: bool, key_is_set: bool, today: date | None = None) -> str:
    """The spec of an agent: the one asked for; else `rules` if offline; else the paper's agent if its key is set.

    Raises:
        RunError: there is none of these, or the paper's agent has ended; names the alternatives.
    """
    if asked:
        return asked
    if offline:
        return RULES
    row = find_catalogued(paper)
    if has_ended(row, today):
        raise RunError(
            f"{paper}, an agent of the paper, ended on {row.ends}. Use its successor (--judge={row.successor} "
            f"--extractor={row.successor}), another model, or none (--judge=rules --extractor=rules); such scores do "
            "not compare with published ones."
        )
    if key_is_set:
        return paper
    raise RunError(
        f"No judge is configured. Set OPENAI_API_KEY for the paper's agents (judge {PAPER_JUDGE}, extractor "
        f"{PAPER_EXTRACTOR}), name others with --judge=SPEC --extractor=SPEC, or use none with --judge=rules "
        "--extractor=rules, whose scores do not compare with published ones."
    )


def find_extractor(spec: str, options: ModelOptions) -> Model | Extractor:
    """The extractor, or a `Model`, which becomes one with a template.

    Raises:
        RunError: the spec is unknown, or is not an extractor.
    """
    scheme, _, rest = spec.partition(":")
    found: object = (
        RulesExtractor() if spec == RULES else read_steps(rest) if scheme == "steps" else find(spec, options)
    )
    if isinstance(found, (Model, Extractor)):
        return found
    raise RunError(f"--extractor={spec} cannot split answers into steps; name a model, rules, or steps:RUN.")


def find_judge(spec: str, options: ModelOptions) -> Model | Judge:
    """The judge, or a `Model`, which becomes one with a template.

    Raises:
        RunError: the spec is unknown, is not a judge, or takes no frames.
    """
    found = RulesJudge() if spec == RULES else find(spec, options)
    if isinstance(found, Model) and "video" not in found.modalities:
        raise RunError(f"--judge={spec} takes no frames, which a judge is shown; name a model that does.")
    if isinstance(found, (Model, Judge)):
        return found
    raise RunError(f"--judge={spec} cannot rate steps; name a model, or rules.")


def find_listener(spec: str, options: ModelOptions) -> Model:
    """The model that describes sound.

    Raises:
        RunError: the spec is unknown, is not a model, or takes no sound.
    """
    found = find(spec, options)
    if isinstance(found, Model) and "audio" in found.modalities:
        return found
    raise RunError(f"--clue-model={spec} takes no sound; name a model that does.")
