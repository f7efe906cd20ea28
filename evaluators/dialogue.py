"""Asks the model under test about a sample: once, or in a dialogue with a user whom the judge plays.

The metric of a dialogue says how it begins, what the user says next, and when it is over (`Partner`). Each message is a
request to a model behind the cache, so that a run that was interrupted finds all earlier ones again.
"""

from dataclasses import dataclass, field, replace

from benchmark.accounts.snapshots import is_same_model
from benchmark.errors import JudgeError, ModelError, boundary
from benchmark.model import Answer, Message, Respondent, as_answer
from benchmark.task import Sample
from evaluators.judge.agent import BROKEN_OFF
from evaluators.metrics.metric import Partner, Roles, metric_of
from evaluators.outcome import Trace, trace_of


@dataclass(slots=True)
class Interview:
    """What the model under test has been asked about a sample; it is at hand even if the next request fails.

    Attributes:
        answer: the model's answer; None before the first. In a dialogue, the last one, with the dialogue so far.
        traces: how the judge was asked to play the user, if it was.
    """

    answer: Answer | None = None
    traces: dict[str, Trace] = field(default_factory=dict)

    async def hold(self, sample: Sample, model: Respondent, roles: Roles) -> Answer:
        """The model's answer; in a dialogue, its last, when the dialogue is over or the model has had all its turns.

        Raises:
            DataError: the clip cannot be read.
            ModelError: there is no answer, or in a dialogue only thoughts, which the user is not shown.
            JudgeError: the judge gave no usable reply as the user.
        """
        partner = metric_of(sample.task)
        if not isinstance(partner, Partner):
            self.answer = await _answer(sample, model)
            return self.answer
        answer = await self._model_says(sample, (partner.opening(sample),), model)
        for _ in range(1, sample.task.turns or 1):
            answer = await self._user_says(sample, answer, partner, roles)
            if partner.is_over(answer.talk):
                break
            answer = await self._model_says(sample, answer.talk, model)
        return answer

    async def _model_says(self, sample: Sample, talk: tuple[Message, ...], model: Respondent) -> Answer:
        """The model's answer to the dialogue so far, with the dialogue that it continues."""
        last = _shown(await _answer(replace(sample, turns=tuple(message.turn for message in talk)), model))
        message = Message(speaker="assistant", text=last.text.strip(), thoughts=last.thoughts)
        self.answer = replace(_after(self.answer, last, model.name), talk=(*talk, message))
        return self.answer

    async def _user_says(self, sample: Sample, answer: Answer, partner: Partner, roles: Roles) -> Answer:
        """The model's answer, with the dialogue that the user continues."""
        with boundary(JudgeError):
            reply = await partner.reply(sample, answer.talk, roles)
        self._trace(trace_of(reply), roles.judge.name)
        self.answer = replace(answer, talk=(*answer.talk, reply.value))
        return self.answer

    def _trace(self, last: Trace, judge: str) -> None:
        """Adds how the judge was asked for a message of the user."""
        so_far = self.traces.get("judge", Trace(model=last.model))
        self.traces["judge"] = Trace(
            model=_name(so_far.model, last.model, judge),
            usage=so_far.usage + last.usage,
            rejected=so_far.rejected + last.rejected,
            left_out=tuple(dict.fromkeys(so_far.left_out + last.left_out)),
        )


async def _answer(sample: Sample, model: Respondent) -> Answer:
    with boundary(ModelError):
        return await as_answer(model.answer(sample), model.name)


def _shown(answer: Answer) -> Answer:
    """The answer, which shows the user of a dialogue something.

    Raises:
        ModelError: it has only thoughts.
    """
    if not answer.text.strip():
        hint = "; it was cut off at its token limit: raise max_tokens" if answer.ending == "cut off" else ""
        raise ModelError(
            f"A reply in the dialogue has only thoughts, which its user is not shown{hint}.", usage=answer.usage
        )
    return answer


def _after(earlier: Answer | None, last: Answer, asked: str) -> Answer:
    """The last answer of a dialogue with what all its answers took, and with what was wrong with any of them."""
    if earlier is None:
        return last
    return replace(
        last,
        model=_name(earlier.model, last.model, asked),
        usage=earlier.usage + last.usage,
        ending=earlier.ending if earlier.ending in BROKEN_OFF else last.ending,
        refusal=earlier.refusal or last.refusal,
        left_out=tuple(dict.fromkeys(earlier.left_out + last.left_out)),
    )


def _name(earlier: str | None, last: str | None, asked: str) -> str | None:
    """The name of the model that answered: an earlier one if another model than the one asked has answered then."""
    return last if earlier is None or is_same_model(asked, earlier) else earlier
