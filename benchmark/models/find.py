"""Finds the model that a spec names; the only module that knows all kinds of models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from benchmark.accounts.catalogue import (
    BUILT_IN,
    HUB,
    USUAL_PARAMETERS,
    find_catalogued,
    provider_at,
    read_catalogue,
    refuse_ended,
    row_at,
)
from benchmark.accounts.limits import Limits
from benchmark.accounts.prices import find_price
from benchmark.errors import RunError
from benchmark.local.checkpoint import find_checkpoint
from benchmark.local.settings import parse_settings
from benchmark.models.answers import read_answers
from benchmark.models.floors import majority_of, random_of
from benchmark.models.own import adapted
from benchmark.prompt import Modality
from benchmark.storage.importing import import_named
from benchmark.task import Sample

if TYPE_CHECKING:
    from benchmark.endpoint.model import EndpointModel
    from benchmark.local.run import LocalRun
from benchmark.model import Model, Respondent, Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The options of a model besides its name.

    Attributes:
        base_urls: URLs that replace those of the provider, and share the load; empty to use the provider's.
        api_key_env: the environment variable with their key.
        parameters: parameters of each request, which replace those of the catalogue; None omits one.
        modalities: what an `openai:` model takes; only video if empty.
        prices: USD per million input and output tokens, by model; they replace published prices.
        request_mb: the largest request that is sent, in MB; None for the limit of the server.
        limits: the accounts of the run.
        urgent: whether its requests go before others, because they finish samples that were begun.
        local: loads `hf:` models; None if they cannot be loaded.
        asks: whether any request will be sent; if not, no key is needed.
    """

    base_urls: tuple[str, ...] = ()
    api_key_env: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    modalities: tuple[Modality, ...] = ()
    prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    request_mb: float | None = None
    limits: Limits = field(default_factory=Limits)
    urgent: bool = False
    local: "LocalRun | None" = None
    asks: bool = True


def find(spec: str, options: ModelOptions, samples: Sequence[Sample] = ()) -> object:
    """The object that a spec names: `NAME` of the catalogue or of an entry point, or `SCHEME:REST`.

    Raises:
        RunError: the spec is unknown, or its object cannot be used; the message says why.
    """
    scheme, colon, rest = spec.partition(":")
    if colon and scheme in BUILT_IN:
        raise RunError(f"Unknown model {spec}; {scheme} takes no argument: use --model={scheme}.")
    if scheme in _SCHEMES:
        return _SCHEMES[scheme](rest, options, samples)
    for group in ("mme_emotion.models", "mme_emotion.judges"):
        for point in entry_points(group=group, name=spec):
            return _python(f"{point.module}:{point.attr}")
    return _catalogued(spec, options)


def find_respondent(spec: str, options: ModelOptions, samples: Sequence[Sample]) -> Model | Watcher | Respondent:
    """The model under test that a spec names.

    Raises:
        RunError: as for `find`, or the object is no `Model`, `Watcher` or `Respondent`.
    """
    found = find(spec, options, samples)
    if isinstance(found, (Model, Watcher, Respondent)):
        return found
    answers = "generate_batch" if hasattr(found, "generate_batch") else "generate"
    roles = {"Model": ("name", "identity", "modalities", answers), "Respondent": ("name", "answer")}
    lacks = (
        f"no {', '.join(member for member in members if not hasattr(found, member))} for a {role}"
        for role, members in roles.items()
    )
    raise RunError(f"--model={spec} is not a model: it has {', and '.join(lacks)}; see benchmark/model.py.")


def _openai(name: str, options: ModelOptions, _: Sequence[Sample]) -> "EndpointModel":
    """A model of OpenAI, or at the base URLs of the options.

    The key in OPENAI_API_KEY is sent only to OpenAI, unless the options name that variable.
    """
    from benchmark.endpoint.connection import OPENAI_URL
    from benchmark.endpoint.model import OPENAI_KEY

    if not name:
        raise RunError("openai: needs the name of a model; use openai:NAME.")
    url = (options.base_urls or (OPENAI_URL,))[0]
    modalities = frozenset(options.modalities or ("video",))
    row = row_at(url, name)
    return _endpoint(
        options,
        name,
        USUAL_PARAMETERS,
        [options.prices.get(name)],
        urls=options.base_urls or (url,),
        key_env=options.api_key_env or (None if options.base_urls else OPENAI_KEY),
        modalities=modalities | ({"track"} if modalities >= {"clip", "audio"} else set()),
        audio_form=provider_at(url).audio_form,
        ends=row.ends if row else None,
        successor=row.successor if row else None,
    )


def _catalogued(name: str, options: ModelOptions) -> "EndpointModel":
    """A model of the catalogue, at its provider or at the base URLs of the options, where a worker may serve it."""
    if options.base_urls and (own := read_catalogue().own_code.get(name)):
        return _endpoint(
            options,
            name,
            {},
            [options.prices.get(name)],
            urls=options.base_urls,
            key_env=options.api_key_env,
            modalities=frozenset(own.takes),
        )
    row = find_catalogued(name)
    provider = read_catalogue().providers[row.provider]
    elsewhere = bool(options.base_urls)
    if not elsewhere:
        refuse_ended(name, row)
        if row.provider == HUB:
            raise RunError(
                f"{name} has no public endpoint; load it with --model=hf:{row.id}, or add --base-url of your server."
            )
    return _endpoint(
        options,
        row.id,
        row.parameters,
        [options.prices.get(name), options.prices.get(row.id)],
        urls=options.base_urls or (provider.url,),
        key_env=options.api_key_env or (None if elsewhere else provider.key),
        modalities=row.modalities,
        concurrency=provider.concurrency,
        audio_form=provider.audio_form,
        ends=None if elsewhere else row.ends,
        successor=row.successor,
    )


def _endpoint(
    options: ModelOptions,
    name: str,
    usual: Mapping[str, Any],
    prices: Sequence[tuple[float, float] | None],
    **known: Any,
) -> "EndpointModel":
    """A model at an endpoint, given its `usual` parameters, its possible prices, and other fields of `Endpoint`."""
    from benchmark.endpoint.model import Endpoint, EndpointModel

    url = known["urls"][0]
    parameters = {key: value for key, value in {**usual, **options.parameters}.items() if value is not None}
    return EndpointModel(
        Endpoint(
            model=name,
            parameters=parameters,
            price=find_price(name, url, prices, parameters.get("service_tier")),
            limits=options.limits,
            urgent=options.urgent,
            asks=options.asks,
            request_mb=options.request_mb or provider_at(url).request_mb,
            **known,
        )
    )


def _hf(name: str, options: ModelOptions, _: Sequence[Sample]) -> object:
    """A checkpoint, which the run loads with the options of `parse_settings`."""
    from benchmark.models.local import LocalModel

    if not name:
        raise RunError("hf: needs a checkpoint; use hf:FOLDER, or hf:OWNER/NAME of the Hugging Face hub.")
    if options.local is None:
        raise RunError(f"hf:{name} can only be loaded in a run; use another model here.")
    settings = parse_settings(options.parameters)
    checkpoint = find_checkpoint(name, settings, offline=options.local.site.replaceable)
    if not checkpoint.modalities:
        raise RunError(f"hf:{name} takes neither frames nor sound ({checkpoint.architecture}); use another model.")
    return LocalModel(checkpoint, settings, options.local, options.limits, urgent=options.urgent)


def _signal(_: str, __: ModelOptions, ___: Sequence[Sample]) -> object:
    from benchmark.models.signal import SignalModel  # draws on Pillow and a table of words

    return SignalModel()


def _python(path: str) -> object:
    """A model or a judge of the user's own."""
    return adapted(import_named(path, f"python:{path}", call=True), f"python:{path}")


_SCHEMES: Mapping[str, Callable[[str, ModelOptions, Sequence[Sample]], object]] = {
    "openai": _openai,
    "hf": _hf,
    "answers": lambda rest, _, samples: read_answers(rest, samples),
    "signal": _signal,
    "random": lambda _, __, samples: random_of(samples),
    "majority": lambda _, __, samples: majority_of(samples),
    "python": lambda rest, *_: _python(rest),
}
"""Functions that make the object of a spec, from the part after the colon, the options and the samples of the run."""
