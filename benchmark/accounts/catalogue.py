"""The models known by name: where they are asked, what they take, how long they will be there."""

import difflib
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from benchmark.clips.limits import REQUEST_MB
from benchmark.errors import RunError
from benchmark.prompt import Modality

BUILT_IN = ("signal", "random", "majority")
AudioForm = Literal["base64", "data-url"]
HUB = "hub"
USUAL_PARAMETERS: Mapping[str, Any] = {"temperature": 0}
"""What each request asks for, where neither the catalogue nor the user says otherwise."""

SOON_DAYS = 60
"""So many days before a model's end it is told."""


class Provider(BaseModel):
    """Where models are asked.

    Attributes:
        url: base URL of its OpenAI-compatible interface.
        key: environment variable with the key; None where none is needed.
        concurrency: requests in flight that a common account takes; 429s narrow it.
        audio_form: how it wants sound.
        request_mb: the largest request that it takes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    key: str | None = None
    concurrency: int = 32
    audio_form: AudioForm = "base64"
    request_mb: float = REQUEST_MB


class CataloguedModel(BaseModel):
    """A row of the catalogue; `catalogue.toml` says what the fields mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    id: str
    sees: bool = False
    hears: bool = False
    clip: bool = False
    parameters: Mapping[str, Any] = USUAL_PARAMETERS
    published: str | None = None
    ends: date | None = None
    successor: str | None = None

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
    weights: Mapping[str, str]


@cache
def read_catalogue() -> Catalogue:
    """The catalogue."""
    text = files("benchmark.accounts").joinpath("catalogue.toml").read_text("utf-8")
    return Catalogue.model_validate(tomllib.loads(text))


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
            f" Its weights: {catalogue.weights[name]}."
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


def refuse_ended(name: str, row: CataloguedModel) -> None:
    """Says no to a model that its provider has ended.

    Raises:
        RunError: it has ended; names the successor.
    """
    if has_ended(row):
        instead = f"name {row.successor} in its place" if row.successor else "name another model"
        raise RunError(
            f"{name} has ended on {row.ends}: {instead}. Where it is still served, --model=openai:{row.id}"
            f" --base-url=URL asks for it, and the report tells who has answered."
        )


def has_ended(row: CataloguedModel, today: date | None = None) -> bool:
    """Whether the provider does not answer under this name any more; `today` is the system's where it is not told."""
    return row.ends is not None and row.ends <= (today or date.today())


def provider_at(url: str) -> str | None:
    """The provider whose URL that is; None for other servers."""
    host = urlsplit(url).hostname
    providers = read_catalogue().providers.items()
    return next((name for name, provider in providers if urlsplit(provider.url).hostname == host), None)


def most_request_mb(url: str) -> float:
    """The largest request, in MB, that the server at a URL is known to take, or may be expected to."""
    provider = provider_at(url)
    return read_catalogue().providers[provider].request_mb if provider else REQUEST_MB


def row_at(url: str, model: str) -> CataloguedModel | None:
    """The row of a model, by its name at the provider whose URL that is; None for other servers and names."""
    provider = provider_at(url)
    rows = read_catalogue().models.values()
    return next((row for row in rows if row.id == model and row.provider == provider), None)


def end_notice(name: str, ends: date, successor: str | None, today: date | None = None) -> str | None:
    """That a model ends soon or has ended, and what takes its place, in a sentence; None while that is far off."""
    days = (ends - (today or date.today())).days
    if days > SOON_DAYS:
        return None
    when = f"has ended on {ends}" if days <= 0 else f"ends on {ends}, in {days} {'day' if days == 1 else 'days'}"
    return f"{name} {when}; its provider {f'recommends {successor}' if successor else 'names no successor'}."
