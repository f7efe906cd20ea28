"""An answer split into steps."""

from dataclasses import dataclass

from evaluators.judge.fence import unnumbered
from evaluators.judge.reply_format import last_block, numbered_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The reasoning of an answer and its conclusion.

    Attributes:
        reasoning: the steps before the last, possibly none.
        prediction: the last step: the predicted label or labels, or "None".
    """

    reasoning: tuple[str, ...]
    prediction: str

    def __len__(self) -> int:
        """The number of steps, the prediction included."""
        return len(self.reasoning) + 1

    def numbered(self) -> str:
        """One step on each line, as the judge is shown them: `Step 1: …`; no step's text can look like another step."""
        texts = map(unnumbered, (*self.reasoning, self.prediction))
        return "\n".join(f"Step {number}: {text}" for number, text in enumerate(texts, 1))


def parse_steps(text: str) -> Steps:
    """The steps in the last complete `<step>Step 1: … Step N: …</step>` of an extractor's reply.

    Raises:
        RejectedReply: there is no such block, or its steps are not numbered 1 to N, or one is empty.
    """
    *reasoning, prediction = numbered_texts(last_block(text, "step")[1])
    return Steps(reasoning=tuple(reasoning), prediction=prediction)
