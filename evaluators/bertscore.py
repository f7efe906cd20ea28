"""BERTScore: how alike the words of two texts are in a language model (Zhang et al. 2020, arXiv 1904.09675).

Each token of one text is matched with the token of the other whose embedding has the largest cosine. Precision is the
mean over the answer's tokens, recall that over the reference's, and the score their F1 (section 3). As in the authors'
package: embeddings of one layer; no weights by rarity (`idf`), no rescaling; tokens that the tokenizer adds at both
ends have no part in the means, but others may be matched with them. torch is imported where it is used.
"""

import asyncio
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import RunError
from benchmark.local.checkpoint import Checkpoint, fetch, find_checkpoint
from benchmark.local.settings import LocalSettings
from benchmark.options import option

LAYERS = MappingProxyType(
    {
        "bert-base-uncased": 9,
        "bert-large-uncased": 18,
        "bert-base-multilingual-cased": 9,
        "bert-base-chinese": 8,
        "distilbert-base-uncased": 5,
        "roberta-base": 10,
        "roberta-large": 17,
        "deberta-large-mnli": 18,
        "deberta-xlarge-mnli": 40,
    }
)
"""The layer that agreed best with people's judgements, by model: those of the authors' package (bert_score 0.3.13)."""

PREFIXED = frozenset({"roberta", "gpt2", "bart"})
"""Architectures for which a text begins with a blank, as its other words do."""

LONGEST = 512
"""The most tokens of a text if neither the tokenizer nor the network says how many it takes."""

MOST = 10**6
"""The most tokens of a text that a tokenizer may state."""

SCHEME = "hf:"

Vectors: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BertScoreOptions:
    """The options of BERTScore.

    Attributes:
        model: `hf:FOLDER_OR_ID`; None to compute none.
        layer: the layer whose embeddings are compared, from 1; 0 is what the network begins with.
    """

    model: str | None = option(None, "SPEC", "model of BERTScore")
    layer: int | None = option(
        None, "N", "layer of that model (default: its authors' choice, e.g. 17 of roberta-large)"
    )


@dataclass(frozen=True, slots=True)
class Embedded:
    """A text in a language model.

    Attributes:
        vectors: of its tokens, shape (tokens, width).
        counts: which tokens are of the text itself, shape (tokens,).
    """

    vectors: Vectors
    counts: NDArray[np.bool_]


def greedy_f1(answer: Embedded, reference: Embedded) -> float:
    """The F1 of precision and recall by greedy matching, 0 to 1; 0 for a text without tokens.

    Cosines may be negative, so that F1 might be; it is 0 then.
    """
    if not (answer.counts.any() and reference.counts.any()):
        return 0.0
    one, other = (text.vectors / np.linalg.norm(text.vectors, axis=1, keepdims=True) for text in (answer, reference))
    cosines = one @ other.T
    precision = cosines.max(axis=1)[answer.counts].mean()
    recall = cosines.max(axis=0)[reference.counts].mean()
    if precision <= 0 or recall <= 0:
        return 0.0
    return min(1.0, float(2 * precision * recall / (precision + recall)))


@dataclass(frozen=True, slots=True)
class BertScore:
    """A model that compares texts, on the CPU; loaded on first use.

    Attributes:
        checkpoint: the model.
        layer: the layer whose embeddings are compared.
    """

    checkpoint: Checkpoint
    layer: int
    _loaded: list[tuple[Any, Any]] = field(default_factory=list, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The model, with its commit if it is of the hub, and the layer."""
        commit = f"@{self.checkpoint.commit}" if self.checkpoint.commit else ""
        return f"{self.checkpoint.short_name}{commit}, layer {self.layer}"

    def fetch(self) -> None:
        """Fetches what a model of the hub still lacks.

        Raises:
            RunError: it cannot be fetched, or has no weights; the message says why.
        """
        fetch(self.checkpoint, LocalSettings())
        self.checkpoint.weights()

    async def score(self, answer: str, reference: str) -> float:
        """BERTScore's F1 of an answer, 0 to 1.

        Raises:
            RunError: the model cannot be loaded.
        """
        return await asyncio.to_thread(self._score, answer, reference)

    def _score(self, answer: str, reference: str) -> float:
        with self._lock:
            one, other = self._embedded(answer), self._embedded(reference)
        return greedy_f1(one, other)

    def _embedded(self, text: str) -> Embedded:
        import torch

        tokenizer, network = self._load()
        stated = tokenizer.model_max_length  # an absurd number if the tokenizer does not say
        longest = stated if stated <= MOST else getattr(network.config, "max_position_embeddings", LONGEST + 2) - 2
        blank = " " if network.config.model_type in PREFIXED else ""
        tokens = tokenizer(
            blank + text.strip(),
            truncation=True,
            max_length=longest,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )
        added = tokens.pop("special_tokens_mask")[0].numpy().astype(bool)
        with torch.inference_mode():
            states = network(**tokens, output_hidden_states=True).hidden_states[self.layer][0]
        return Embedded(vectors=states.double().numpy(), counts=~added)

    def _load(self) -> tuple[Any, Any]:
        """The tokenizer and the network."""
        if not self._loaded:
            import torch
            import transformers
            from transformers import AutoModel, AutoTokenizer

            transformers.utils.logging.set_verbosity_error()  # it lists weights of parts that are not used
            transformers.utils.logging.disable_progress_bar()
            folder, name = str(self.checkpoint.folder), self.checkpoint.name
            try:
                tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
                network = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
            except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
                reason = (str(error).strip() or type(error).__name__).split("\n")[0]
                raise RunError(f"--bertscore={SCHEME}{name} cannot be loaded: {reason}.") from error
            self._loaded.append((tokenizer, network.eval()))
        return self._loaded[0]


def find_bertscore(options: BertScoreOptions) -> BertScore:
    """The model that the options name; of one of the hub, only its configuration is fetched.

    Raises:
        RunError: there is no such model, it is not an encoder, or it has no such layer; the message says why.
    """
    spec = options.model or ""
    if not spec.startswith(SCHEME):
        raise RunError(f"--bertscore={spec} must be hf:FOLDER or hf:ID of the hub, e.g. hf:FacebookAI/roberta-large.")
    checkpoint = find_checkpoint(spec.removeprefix(SCHEME), LocalSettings())
    config, stem = checkpoint.config, checkpoint.short_name.rpartition("/")[2]
    depth = config.get("num_hidden_layers", config.get("n_layers"))
    if config.get("is_encoder_decoder") or not isinstance(depth, int):
        raise RunError(f"--bertscore={spec} must be an encoder of text, such as roberta-large.")
    layer = LAYERS.get(stem) if options.layer is None else options.layer
    if layer is None:
        raise RunError(f"--bertscore={spec}: its best layer is unknown; name one with --bertscore-layer=1 to {depth}.")
    if not 0 <= layer <= depth:
        raise RunError(f"--bertscore-layer={layer} must be from 0 to {depth}, the number of layers of {stem}.")
    return BertScore(checkpoint, layer)
