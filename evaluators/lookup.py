"""Which agent an option names."""

from datetime import date

from benchmark.accounts.catalogue import find_catalogued, has_ended
from benchmark.errors import RunError
from benchmark.model import Model
from benchmark.models.find import ModelOptions, find
from evaluators.judge.extractor import Extractor
from evaluators.judge.judge import Judge
from evaluators.judge.rules import RulesExtractor, RulesJudge

PAPER_EXTRACTOR = "gpt-4.1-2025-04-14"
PAPER_JUDGE = "gpt-4o-2024-11-20"
"""The agents of the published scores (MME-Emotion, arXiv 2508.09210), both OpenAI's."""

RULES = "rules"


def agent_spec(asked: str | None, paper: str, *, offline: bool, key_is_set: bool, today: date | None = None) -> str:
    """Who takes an agent's part: who is asked for; else `rules` offline; else the paper's agent where its key is set.

    Raises:
        RunError: none of these, or the paper's agent is there no more; says the three ways on.
    """
    if asked:
        return asked
    if offline:
        return RULES
    row = find_catalogued(paper)
    if has_ended(row, today):
        raise RunError(
            f"{paper}, an agent of the paper, has ended on {row.ends}. Name its successor with --judge={row.successor} "
            f"--extractor={row.successor}, or others of your choice, or stay offline with --judge=rules "
            "--extractor=rules; scores of neither compare with published ones."
        )
    if key_is_set:
        return paper
    raise RunError(
        f"There is nobody to judge. Set OPENAI_API_KEY for the paper's agents (judge {PAPER_JUDGE}, extractor "
        f"{PAPER_EXTRACTOR}), or name others with --judge=SPEC --extractor=SPEC, or stay offline with "
        "--judge=rules --extractor=rules, whose scores do not compare with published ones."
    )


def find_extractor(spec: str, options: ModelOptions) -> Model | Extractor:
    """The extractor; a `Model` is one once it has a template.

    Raises:
        RunError: there is no such thing, or it does not extract.
    """
    found = RulesExtractor() if spec == RULES else find(spec, options)
    if isinstance(found, (Model, Extractor)):
        return found
    raise RunError(f"--extractor={spec} can cut no answer into steps: name a model, or rules.")


def find_judge(spec: str, options: ModelOptions) -> Model | Judge:
    """The judge; a `Model` is one once it has a template.

    Raises:
        RunError: there is no such thing, it does not judge, or it cannot see the frames that a judge is shown.
    """
    found = RulesJudge() if spec == RULES else find(spec, options)
    if isinstance(found, Model) and "video" not in found.modalities:
        raise RunError(f"--judge={spec} cannot see: a judge is shown the clip's frames, name a model that takes them.")
    if isinstance(found, (Model, Judge)):
        return found
    raise RunError(f"--judge={spec} can rate no steps: name a model, or rules.")


def find_listener(spec: str, options: ModelOptions) -> Model:
    """The model that describes sound.

    Raises:
        RunError: there is no such thing, it is no model, or it does not hear.
    """
    found = find(spec, options)
    if isinstance(found, Model) and "audio" in found.modalities:
        return found
    raise RunError(f"--clue-model={spec} cannot hear: name a model that takes sound.")
