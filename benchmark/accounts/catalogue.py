"""The models known by name: their providers, what they take, when they end."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel

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
"""How many days before a model ends its end is announced."""


class Provider(BaseModel, frozen=True, extra="forbid"):
    """A service with an OpenAI-compatible API.

    Attributes:
        url: base URL of the API.
        key: environment variable with the key; None if none is needed.
        concurrency: requests in flight that a common account allows; fewer after 429s.
        audio_form: the form in which it takes sound.
        request_mb: size of the largest request that it takes, in MB.
    """

    url: str
    key: str | None = None
    concurrency: int = 32
    audio_form: AudioForm = "base64"
    request_mb: float = REQUEST_MB


class CataloguedModel(BaseModel, frozen=True, extra="forbid"):
    """A row of the catalogue; `catalogue.toml` says what the fields mean."""

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
        takes: Mapping[Modality, bool] = {"video": self.sees, "audio": self.hears, "clip": self.clip}
        return frozenset(modality for modality in takes if takes[modality])


class OwnCode(BaseModel, frozen=True, extra="forbid"):
    """A model that needs code of its own; `catalogue.toml` says what the fields mean."""

    way: Literal["worker", "hf", "answers"]
    takes: tuple[Modality, ...] = ("video", "audio", "clip", "track")
    weights: str
    published: str | None = None


class Catalogue(BaseModel, frozen=True, extra="forbid"):
    """All of `catalogue.toml`."""

    providers: Mapping[str, Provider]
    models: Mapping[str, CataloguedModel]
    own_code: Mapping[str, OwnCode]


@cache
def read_catalogue() -> Catalogue:
    """The catalogue."""
    text = files("benchmark.accounts").joinpath("catalogue.toml").read_text("utf-8")
    return Catalogue.model_validate(tomllib.loads(text))


_WAYS: Mapping[str, str] = {
    "worker": "Write a shim, start `mme-emotion worker --shim=FILE.py --name={0}` in the model's environment, and add"
    " --base-url=http://127.0.0.1:8009/v1.",
    "hf": "hf: may load it, with its system prompt; if not, write a shim, start `mme-emotion worker --shim=FILE.py"
    " --name={0}` in the model's environment, and add --base-url=http://127.0.0.1:8009/v1.",
    "answers": "Nobody has published how to run it.",
}
"""What to do with a model that has code of its own, by its way; `{0}` is its name."""


def find_catalogued(name: str) -> CataloguedModel:
    """The row of the model with that name.

    Raises:
        RunError: there is no such row (the message has similar names), or the model has no endpoint.
    """
    catalogue = read_catalogue()
    if row := catalogue.models.get(name):
        return row
    if own := catalogue.own_code.get(name):
        raise RunError(
            f"{name} has its own code and no endpoint. {_WAYS[own.way].format(name)} Or produce its answers elsewhere,"
            f" then use --model=answers:FILE. Its weights: {own.weights}. See docs/models.md."
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
    if row is None and (own := catalogue.own_code.get(spec)):
        return own.published
    return row.published if row else None


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


def provider_at(url: str) -> Provider:
    """The provider with that URL; for other servers one with the usual limits."""
    host, known = urlsplit(url).hostname, read_catalogue().providers.values()
    return next((provider for provider in known if urlsplit(provider.url).hostname == host), Provider(url=url))


def row_at(url: str, model: str) -> CataloguedModel | None:
    """The row of a model, by its name at the provider with that URL; None for other servers and names."""
    catalogue, provider = read_catalogue(), provider_at(url)
    rows = (row for row in catalogue.models.values() if row.id == model)
    return next((row for row in rows if catalogue.providers[row.provider] == provider), None)


def end_notice(name: str, ends: date, successor: str | None, today: date | None = None) -> str | None:
    """A sentence on a model that ends within `SOON_DAYS` or has ended, and on its successor; otherwise None."""
    days = (ends - (today or date.today())).days
    if days > SOON_DAYS:
        return None
    when = f"ended on {ends}" if days <= 0 else f"ends on {ends}, in {days} {'day' if days == 1 else 'days'}"
    return f"{name} {when}; its provider {f'recommends {successor}' if successor else 'names no successor'}."
