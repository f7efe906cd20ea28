"""`steps:RUN`: the steps into which another run has split the same answers, so that only the judge is asked anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import ExtractorError, RunError
from benchmark.model import Answer
from benchmark.models.kept_run import KeptLine, read_kept, run_folder
from evaluators.judge.agent import Reply
from evaluators.judge.evidence import Question
from evaluators.judge.steps import Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSteps:
    """An extractor that looks steps up, under the name and the identity of the extractor that made them.

    Attributes:
        name: of that extractor.
        identity: of that extractor.
        place: the run, for messages.
        steps: by the answer, with its thoughts and without, and the candidate labels.
    """

    name: str
    identity: str
    place: str
    steps: Mapping[tuple[str, tuple[str, ...]], Reply[Steps]]

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        """The steps of the answer.

        Raises:
            ExtractorError: the run has not split this answer.
        """
        if (reply := self.steps.get((answer.reasoned, question.label_set))) is None:
            raise ExtractorError(f"{self.place} has no steps of this answer; name an extractor with --extractor=SPEC.")
        return reply


def read_steps(rest: str) -> KeptSteps:
    """The steps of the run in a folder.

    Raises:
        RunError: there is no run, or it has split no answer into steps.
    """
    if (folder := run_folder(Path(rest).expanduser())) is None:
        raise RunError(f"steps:{rest} is not the folder of a run.")
    run = read_kept(folder)
    extractor = run.provenance.get("extractor")
    stated = extractor if isinstance(extractor, dict) else {}
    settings = run.provenance.get("settings")
    rated = not (isinstance(settings, dict) and settings.get("thoughts") == "ignored")
    steps = {
        (_answer(line, rated=rated), line.label_set): reply for line in run.lines if (reply := _reply(line)) is not None
    }
    if not steps:
        raise RunError(f"steps:{rest}: this run has split no answer into steps; name another extractor.")
    name = str(stated.get("name") or f"steps:{folder.resolve().name}")
    return KeptSteps(name=name, identity=str(stated.get("identity") or name), place=rest, steps=steps)


def _answer(line: KeptLine, *, rated: bool) -> str:
    """What was split into steps: the answer with its thoughts, if these were rated."""
    return Answer(text=line.answer or "", thoughts=line.thoughts if rated else None, model=None).reasoned


def _reply(line: KeptLine) -> Reply[Steps] | None:
    if line.prediction is None:
        return None
    steps = Steps(reasoning=tuple(step.text for step in line.steps), prediction=line.prediction.text)
    return Reply(value=steps, model=line.model_of("extractor"))
