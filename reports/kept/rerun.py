"""The command that runs cases of a run again, without keys and without private paths."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from benchmark.clips.limits import ClipLimits
from benchmark.data.dataset import places_of_data
from benchmark.endpoint.redaction import redacted
from benchmark.options import declared
from benchmark.run_setup import Bench
from evaluators.agents import EvaluatorOptions

CASE = "benchmark/test_mme_emotion.py::test_sample"

LEFT_OUT = frozenset(
    {
        *("data", "tasks", "limit", "shard", "answered_only", "estimate"),
        *("max_cost", "concurrency", "cache", "cache_limit", "no_cache"),
    }
)
"""Options that select cases or do not affect scores."""


def rerun_of(bench: Bench, options: EvaluatorOptions) -> str:
    """The arguments that determine a case's score, quoted for a shell; the case itself must precede them.

    Paths are relative to the working folder, or names if outside it; those of data and checkpoints are absolute.
    """
    parts = [*_data(bench), *_written(bench.options), *_written(options)]
    return " ".join(shlex.quote(part) for part in parts)


def _data(bench: Bench) -> Iterator[str]:
    for name, given in places_of_data(bench.options.data, bench.suite).items():
        place = str(Path(given).expanduser().absolute()) if Path(given).expanduser().exists() else given
        yield f"--data={name}={place}" if bench.suite.members else f"--data={place}"


def _written(options: object) -> Iterator[str]:
    """The options that affect scores and differ from their defaults, as arguments."""
    for option in declared(type(options)):
        value = option.of(options)
        if option.name in LEFT_OUT or value == option.default:
            continue
        if value is True:
            yield option.flag
        else:
            for one in value if option.repeated else (value,):
                yield f"{option.flag}={_spelt(option.name, one)}"


def _spelt(name: str, value: Any) -> str:
    """An option's value as the command line takes it, without secrets."""
    if name.endswith("base_url"):
        return ",".join(map(_public, value))
    if name == "price":
        return ",".join(f"{model}={given:g}/{back:g}" for model, (given, back) in value)
    if name.endswith("_option"):
        return ",".join(
            f"{key}={one if isinstance(one, str) else json.dumps(one)}" for key, one in redacted(dict(value)).items()
        )
    if isinstance(value, ClipLimits):
        return value.stated
    if isinstance(value, tuple):
        return ",".join(value)
    scheme, colon, rest = str(value).partition(":")
    if scheme in ("answers", "steps") and colon:
        return f"{scheme}:{_near(Path(rest))}"
    if scheme == "hf" and Path(rest).expanduser().exists():
        return f"hf:{Path(rest).expanduser().absolute()}"
    return _near(value) if isinstance(value, Path) else str(value)


def _near(path: Path) -> str:
    """The path relative to the working folder; only its name if it is outside."""
    path = path.expanduser().absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def _public(url: str) -> str:
    """The URL without user, password and query, which may contain keys."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
