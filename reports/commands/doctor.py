"""`mme-emotion doctor`: will a run work here, and what does each endpoint take?"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from benchmark.accounts.catalogue import BUILT_IN, USUAL_PARAMETERS
from benchmark.accounts.prices import Price, StatedPrice
from benchmark.endpoint.model import Endpoint, EndpointModel
from benchmark.endpoint.probe import Probed, make_steps, probe
from benchmark.endpoint.urls import parse_url, shown
from benchmark.errors import RunError
from benchmark.models.find import ModelOptions, find
from benchmark.options import Listed, Parameters, Prices, parse_options
from benchmark.prompt import Modality
from benchmark.run_setup import Modalities
from reports.doctor.doctor import Finding, endpoint_findings, lines_of
from reports.doctor.local import local_findings
from reports.doctor.machine import THIS_MACHINE, Machine, clip_for_all, machine_findings
from reports.say import say


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What is asked about, as the options of the same names say it of a run."""

    model: str | None = None
    base_url: Listed = ()
    api_key_env: str | None = None
    model_option: Parameters = ()
    modalities: Modalities = ()
    price: Prices = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A model or an endpoint and what is found of it; `probed` is None where none could be asked."""

    title: str
    findings: tuple[Finding, ...]
    probed: Probed | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way."""
        return all(finding.state != "problem" for finding in self.findings)

    def as_json(self) -> Mapping[str, Any]:
        """As `--json` prints it; names and figures alone, no URL's credentials."""
        told = {"title": self.title, "ok": self.ok, "findings": [finding.as_json() for finding in self.findings]}
        if self.probed is None:
            return told
        found = [asdict(taken) for taken in self.probed.found]
        return told | {"url": self.probed.url, "model": self.probed.model, "requests": found}


def add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares it."""
    doctor = commands.add_parser(
        "doctor", help="will a run work here, and what does each endpoint take? Exit code 1 where something does not"
    )
    doctor.add_argument("--model", metavar="SPEC", help="as for pytest; asked with a dozen small requests")
    doctor.add_argument("--base-url", metavar="URL", help="as for pytest; without --model its first model is asked")
    doctor.add_argument("--api-key-env", metavar="VARIABLE", help="variable that holds the key")
    doctor.add_argument("--model-option", metavar="K=V,…", help="as for pytest")
    doctor.add_argument(
        "--modalities", metavar="LIST", help="what a run will send: video,audio (default: as for pytest)"
    )
    doctor.add_argument("--price", metavar="NAME=IN/OUT,…", help="as for pytest: says what the requests have cost")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.set_defaults(run=examine)


def examine(asked: argparse.Namespace, machine: Machine = THIS_MACHINE) -> int:
    """Prints what is found of the machine and of what the options name; returns the exit code."""
    names = [field.name for field in fields(DoctorOptions)]
    given = {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
    options = parse_options(DoctorOptions, given)
    options = replace(options, base_url=tuple(map(parse_url, options.base_url)))
    clip, pyav = clip_for_all(machine)
    found = machine_findings(clip, pyav, machine)
    if not asked.json:
        say("This machine", *lines_of(found))
        sys.stdout.flush()  # endpoints may take their time
    examined = _examined(options, clip)
    ok = all(one.ok for one in examined)
    if asked.json:
        told = [one.as_json() for one in examined]
        print(json.dumps({"ok": ok, "machine": [one.as_json() for one in found], "endpoints": told}, indent=1))
    else:
        for one in examined:
            say("", one.title, *lines_of(one.findings))
    return 0 if ok else 1


def _examined(options: DoctorOptions, clip: bytes | None) -> tuple[Examined, ...]:
    if not (options.model or options.base_url):
        return ()
    title = options.model or ", ".join(map(shown, options.base_url))
    if options.model and options.model.startswith("hf:"):
        return (Examined(title=title, findings=local_findings(title.removeprefix("hf:"), options.model_option)),)
    try:
        endpoints = _endpoints(options)
        if not endpoints:
            said = "answers without an endpoint: there is nothing to ask"
            return (Examined(title=title, findings=(Finding(name="model", state="ok", text=said),)),)
        found = asyncio.run(_probed(endpoints, clip))
    except RunError as error:
        return (Examined(title=title, findings=(Finding(name="model", state="problem", text=str(error)),)),)
    prices = dict(options.price)
    return tuple(
        Examined(
            title=f"{probed.url}, {probed.model}" if probed.model else probed.url,
            findings=endpoint_findings(probed, endpoint, endpoint.price or _stated(prices, probed.model)),
            probed=probed,
        )
        for endpoint, probed in zip(endpoints, found, strict=True)
    )


def _stated(prices: Mapping[str, tuple[float, float]], model: str) -> Price | None:
    return StatedPrice(*prices[model]) if model in prices else None


async def _probed(endpoints: Sequence[Endpoint], clip: bytes | None) -> list[Probed]:
    steps = make_steps(clip)
    return await asyncio.gather(*(probe(endpoint, steps) for endpoint in endpoints))


def _endpoints(options: DoctorOptions) -> tuple[Endpoint, ...]:
    """The endpoints that a run would ask, one for each URL; none for a model that answers without.

    Raises:
        RunError: there is no such model, or its key is not set.
    """
    takes: frozenset[Modality] = frozenset(options.modalities)
    if options.model is None:
        parameters = {**USUAL_PARAMETERS, **dict(options.model_option)}
        endpoint = Endpoint(
            urls=options.base_url,
            key_env=options.api_key_env,
            model="",
            modalities=takes or frozenset({"video"}),
            parameters={name: value for name, value in parameters.items() if value is not None},
        )
        return tuple(replace(endpoint, urls=(url,)) for url in endpoint.urls)
    scheme, colon, _ = options.model.partition(":")
    if scheme in BUILT_IN or (colon and scheme != "openai"):
        return ()
    found = find(options.model, _model_options(options))
    if not isinstance(found, EndpointModel):
        return ()
    endpoint = found.endpoint
    if takes:
        endpoint = replace(endpoint, modalities=_allowed(endpoint.modalities, takes))
    return tuple(replace(endpoint, urls=(url,)) for url in endpoint.urls)


def _model_options(options: DoctorOptions) -> ModelOptions:
    return ModelOptions(
        base_urls=options.base_url,
        api_key_env=options.api_key_env,
        parameters=dict(options.model_option),
        modalities=options.modalities,
        prices=dict(options.price),
    )


def _allowed(takes: frozenset[Modality], wanted: frozenset[Modality]) -> frozenset[Modality]:
    """What a run sends that is told what it may send: the whole clip stands for pictures."""
    return takes & (wanted | {"clip"}) if "video" in wanted else takes & wanted
