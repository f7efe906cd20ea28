"""`mme-emotion doctor`: checks whether a run will work on this machine, and what each endpoint takes."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmark.accounts.catalogue import BUILT_IN, USUAL_PARAMETERS
from benchmark.accounts.limits import Limits
from benchmark.accounts.prices import StatedPrice
from benchmark.endpoint.model import Endpoint, EndpointModel
from benchmark.endpoint.probe import Probed, make_steps, probe
from benchmark.endpoint.urls import parse_url, shown
from benchmark.errors import RunError
from benchmark.models.find import find
from benchmark.options import declare, read_arguments
from benchmark.prompt import Modality
from benchmark.run_setup import BenchmarkOptions, model_options
from reports.commands.parser import Commands
from reports.doctor.endpoints import Finding, endpoint_findings, lines_of
from reports.doctor.local import local_findings
from reports.doctor.machine import THIS_MACHINE, Machine, clip_for_all, machine_findings
from reports.say import say

ASKED = ("model", "base_url", "api_key_env", "model_option", "modalities", "price")
"""The options of a run that select what is examined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A model or an endpoint with its findings; `probed` is None if it was sent no requests."""

    title: str
    findings: tuple[Finding, ...]
    probed: Probed | None = None

    @property
    def ok(self) -> bool:
        """Whether no finding is a problem."""
        return all(finding.state != "problem" for finding in self.findings)

    def as_json(self) -> Mapping[str, Any]:
        """The model or endpoint as `--json` prints it, without the credentials of URLs."""
        stated = {"title": self.title, "ok": self.ok, "findings": [finding.as_json() for finding in self.findings]}
        if self.probed is None:
            return stated
        found = [{"kind": kind, "steps": list(map(asdict, steps))} for kind, steps in self.probed.found.items()]
        return stated | {"url": self.probed.url, "model": self.probed.model, "requests": found}


def add_doctor(commands: Commands) -> None:
    """Declares the command `doctor`."""
    doctor = commands.add_parser(
        "doctor",
        help="check this machine, a model and its endpoints",
        description="Checks this machine and, with --model or --base-url, sends each endpoint a dozen small requests. "
        "Exit code 1 if something does not work.",
    )
    model = "model under test, as for pytest; without it, the first model that --base-url lists"
    declare(BenchmarkOptions, doctor.add_argument, ASKED, {"model": {"help": model}})
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.set_defaults(run=examine)


def examine(asked: argparse.Namespace, machine: Machine = THIS_MACHINE) -> int:
    """Prints the findings about the machine and about the model and endpoints in the options.

    Returns:
        The exit code: 1 if something does not work, else 0; problems of the machine do not count.

    Raises:
        RunError: an option is malformed.
    """
    options = read_arguments(BenchmarkOptions, asked)
    options = replace(options, base_url=tuple(map(parse_url, options.base_url)))
    clip, pyav = clip_for_all(machine)
    found = machine_findings(clip, pyav, machine)
    if not asked.json:
        say("This machine", *lines_of(found))
        sys.stdout.flush()  # endpoints can be slow
    examined = _examined(asked.model, options, clip)
    ok = all(one.ok for one in examined)
    if asked.json:
        endpoints = [one.as_json() for one in examined]
        print(json.dumps({"ok": ok, "machine": [one.as_json() for one in found], "endpoints": endpoints}, indent=1))
    else:
        for one in examined:
            say("", one.title, *lines_of(one.findings))
    return 0 if ok else 1


def _examined(model: str | None, options: BenchmarkOptions, clip: bytes | None) -> tuple[Examined, ...]:
    if not (model or options.base_url):
        return ()
    title = model or ", ".join(map(shown, options.base_url))
    if model and model.startswith("hf:"):
        return (Examined(title=title, findings=local_findings(title.removeprefix("hf:"), options.model_option)),)
    try:
        endpoints = _endpoints(model, options)
        if not endpoints:
            return (Examined(title=title, findings=(Finding("model", "ok", "needs no endpoint"),)),)
        found = asyncio.run(_probed(endpoints, clip))
    except RunError as error:
        return (Examined(title=title, findings=(Finding("model", "problem", str(error)),)),)
    prices = dict(options.price)
    examined = []
    for endpoint, probed in zip(endpoints, found, strict=True):
        title = f"{probed.url}, {probed.model}" if probed.model else probed.url
        stated = StatedPrice(*prices[probed.model]) if probed.model in prices else None
        findings = endpoint_findings(probed, endpoint, endpoint.price or stated)
        examined.append(Examined(title=title, findings=findings, probed=probed))
    return tuple(examined)


async def _probed(endpoints: Sequence[Endpoint], clip: bytes | None) -> list[Probed]:
    steps = make_steps(clip)
    return await asyncio.gather(*(probe(endpoint, steps) for endpoint in endpoints))


def _endpoints(model: str | None, options: BenchmarkOptions) -> tuple[Endpoint, ...]:
    """The endpoints that a run would use, one for each URL; none for a model that needs no endpoint.

    Raises:
        RunError: the model is unknown, or its key is not set.
    """
    takes: frozenset[Modality] = frozenset(options.modalities)
    if not model:
        parameters = {**USUAL_PARAMETERS, **dict(options.model_option)}
        endpoint = Endpoint(
            urls=options.base_url,
            key_env=options.api_key_env,
            model="",
            modalities=takes or frozenset({"video"}),
            parameters={name: value for name, value in parameters.items() if value is not None},
        )
    else:
        scheme, colon, _ = model.partition(":")
        if scheme in BUILT_IN or (colon and scheme != "openai"):
            return ()
        found = find(model, model_options(options, Limits()))
        if not isinstance(found, EndpointModel):
            return ()
        endpoint = found.endpoint
        if takes:  # `video` includes the whole clip
            allowed = takes | {"clip"} if "video" in takes else takes
            endpoint = replace(endpoint, modalities=endpoint.modalities & allowed)
    return tuple(replace(endpoint, urls=(url,)) for url in endpoint.urls)
