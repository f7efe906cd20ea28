"""The models known by name: their providers, what they take, when they end."""

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
from benchmark.text import similar

BUILT_IN = ("signal", "random", "majority")
AudioForm = Literal["base64", "data-url"]
HUB = "hub"
USUAL_PARAMETERS: Mapping[str, Any] = {"temperature": 0}
"""Parameters of each request, unless the catalogue or the user sets others."""

SOON_DAYS = 60
"""Days before the end of a model from which on it is announced."""


class Provider(BaseModel):
    """Where models are asked.

    Attributes:
        url: base URL of its OpenAI-compatible API.
        key: environment variable with the key; None if none is needed.
        concurrency: requests in flight that a common account allows; fewer after 429s.
        audio_form: the form in which it takes sound.
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
        RunError: there is none, with similar names; or the model has no endpoint.
    """
    catalogue = read_catalogue()
    if row := catalogue.models.get(name):
        return row
    if name in catalogue.own_code:
        raise RunError(
            f"{name} has its own code and no endpoint; produce its answers with that, then use --model=answers:FILE."
            f" Its weights: {catalogue.weights[name]}."
        )
    near = similar(name, [*catalogue.models, *BUILT_IN], 3, cutoff=0.3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the catalogue has {', '.join(catalogue.models)}."
    raise RunError(
        f"Unknown model {name}; {hint} Other models: openai:NAME with --base-url, hf:NAME, answers:FILE,"
        " python:MODULE:ATTR."
    )


def published_row(spec: str) -> str | None:
    """The row of the published table that a model spec stands for, if any."""
    catalogue = read_catalogue()
    checkpoint = spec.removeprefix("hf:")
    by_id = (row for row in catalogue.models.values() if spec.startswith("hf:") and row.id == checkpoint)
    row = catalogue.models.get(spec) or next(by_id, None)
    return row.published if row else catalogue.own_code.get(spec)


def refuse_ended(name: str, row: CataloguedModel) -> None:
    """Refuses a model that its provider has ended.

    Raises:
        RunError: it has ended; names the successor.
    """
    if has_ended(row):
        instead = f"use {row.successor}" if row.successor else "use another model"
        raise RunError(
            f"{name} ended on {row.ends}; {instead}. If a server still has it, use --model=openai:{row.id}"
            f" --base-url=URL; the report names the model that answered."
        )


def has_ended(row: CataloguedModel, today: date | None = None) -> bool:
    """Whether the provider no longer serves the model; `today` is the system's date if not given."""
    return row.ends is not None and row.ends <= (today or date.today())


def provider_at(url: str) -> str | None:
    """The provider whose URL that is; None for other servers."""
    host = urlsplit(url).hostname
    providers = read_catalogue().providers.items()
    return next((name for name, provider in providers if urlsplit(provider.url).hostname == host), None)


def most_request_mb(url: str) -> float:
    """The largest request, in MB, that the server at a URL takes, as far as is known."""
    provider = provider_at(url)
    return read_catalogue().providers[provider].request_mb if provider else REQUEST_MB


def row_at(url: str, model: str) -> CataloguedModel | None:
    """The row of a model, by its name at the provider whose URL that is; None for other servers and names."""
    provider = provider_at(url)
    rows = read_catalogue().models.values()
    return next((row for row in rows if row.id == model and row.provider == provider), None)


def end_notice(name: str, ends: date, successor: str | None, today: date | None = None) -> str | None:
    """A sentence on a model that ends soon or has ended, and on its successor; None while its end is far off."""
    days = (ends - (today or date.today())).days
    if days > SOON_DAYS:
        return None
    when = f"ended on {ends}" if days <= 0 else f"ends on {ends}, in {days} {'day' if days == 1 else 'days'}"
    return f"{name} {when}; its provider {f'recommends {successor}' if successor else 'names no successor'}."
