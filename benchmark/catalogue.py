"""The models known by name: where they are asked, what they take, what they cost."""

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from benchmark.errors import RunError
from benchmark.prompt import Modality

BUILT_IN = ("signal", "random", "majority")


class Provider(BaseModel):
    """Where models are asked.

    Attributes:
        url: base URL of its OpenAI-compatible interface.
        key: environment variable with the key; None where none is needed.
        concurrency: requests in flight that a common account takes; 429s narrow it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    key: str | None = None
    concurrency: int = 32


class CataloguedModel(BaseModel):
    """A row of the catalogue; `catalogue.toml` says what the fields mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    id: str
    sees: bool = False
    hears: bool = False
    clip: bool = False
    usd: tuple[float, float] | None = None
    parameters: Mapping[str, Any] = {"temperature": 0}
    published: str | None = None

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can be sent."""
        taken: tuple[tuple[Modality, bool], ...] = (("video", self.sees), ("audio", self.hears), ("clip", self.clip))
        return frozenset(modality for modality, takes in taken if takes)


class Catalogue(BaseModel):
    """All of `catalogue.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    providers: Mapping[str, Provider]
    models: Mapping[str, CataloguedModel]
    own_code: Mapping[str, str]


@cache
def read_catalogue() -> Catalogue:
    """The catalogue."""
    return Catalogue.model_validate(tomllib.loads(files("benchmark").joinpath("catalogue.toml").read_text("utf-8")))


def find_catalogued(name: str) -> CataloguedModel:
    """The row of that name.

    Raises:
        RunError: there is none, with the nearest names; or the model is asked by code of its own.
    """
    catalogue = read_catalogue()
    if row := catalogue.models.get(name):
        return row
    if name in catalogue.own_code:
        raise RunError(
            f"{name} is run by code of its own, no endpoint serves it: produce its answers, then --model=answers:FILE."
        )
    nearest = difflib.get_close_matches(name, [*catalogue.models, *BUILT_IN], n=3, cutoff=0.3)
    hint = f"the nearest names are {', '.join(nearest)}" if nearest else f"known are {', '.join(catalogue.models)}"
    raise RunError(
        f"There is no model {name}: {hint}. Others: openai:NAME with --base-url, answers:FILE, python:MODULE:ATTR."
    )


def published_row(spec: str) -> str | None:
    """Which row of the published table a model spec stands for, if any."""
    catalogue = read_catalogue()
    checkpoint = spec.removeprefix("hf:")
    by_id = (row for row in catalogue.models.values() if spec.startswith("hf:") and row.id == checkpoint)
    row = catalogue.models.get(spec) or next(by_id, None)
    return row.published if row else catalogue.own_code.get(spec)
