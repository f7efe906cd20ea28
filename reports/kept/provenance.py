"""What determined a run's figures: versions, data, agents, wording, settings."""

import hashlib
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template
from typing import Any

from benchmark.accounts.catalogue import published_row
from benchmark.model import Model, Watcher
from benchmark.models.floors import label_counts
from benchmark.run_setup import Bench
from benchmark.suite import OVERALL, Suite
from benchmark.task import Sample
from evaluators.agents import DEMO_NAME, Agents, EvaluatorOptions
from evaluators.lookup import PAPER_EXTRACTOR, PAPER_JUDGE, RULES
from evaluators.metrics.measures import measures_of
from reports.kept.report import Background
from reports.kept.rerun import rerun_of

PACKAGES = (
    "mme-emotion",
    "pytest",
    "openai",
    "genai-prices",
    "av",
    "numpy",
    "pillow",
    "decord",
    "torch",
    "transformers",
)


def versions() -> Mapping[str, str]:
    """Python, the platform and the packages that bear on scores; those not installed are left out."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit_of(root: Path) -> str | None:
    """The git commit of the suite's own checkout, with `+` where it was changed since; None outside git."""
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  fixed arguments
        ["git", "-C", str(root), *arguments],  # noqa: S607  whichever git the user has
        capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    return done.stdout.strip()


def digest_of(templates: Mapping[str, Template]) -> Mapping[str, str]:
    """A short hash of each prompt's wording, by name."""
    return {name: hashlib.sha256(template.template.encode()).hexdigest()[:12] for name, template in templates.items()}


def floors_of(bench: Bench, asked: Iterable[Sample]) -> Mapping[str, float]:
    """By task and overall, of the whole data: of the selection a constant guess would profit from hindsight."""
    tasks = {sample.task.name for sample in asked}
    samples = {
        name: [s for s in bench.dataset.samples if s.task.name == name] for name in bench.suite.tasks if name in tasks
    }
    samples[OVERALL] = [sample for members in samples.values() for sample in members]
    return {name: float(floor) for name, members in samples.items() if (floor := majority_floor(members)) is not None}


def _spec(model: str) -> str:
    """The model as it was named, without the folders that a file lies in."""
    scheme, _, rest = model.partition(":")
    is_file = scheme == "answers" or (scheme == "hf" and Path(rest).expanduser().exists())
    return f"{scheme}:{Path(rest).name}" if is_file else model


def provenance_of(bench: Bench, agents: Agents, asked: EvaluatorOptions, root: Path) -> Mapping[str, Any]:
    """All that determined the figures, and how to get them again; `root` is the suite's checkout."""
    options = bench.options
    return {
        "suite": bench.suite.name,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "commit": commit_of(root),
        "versions": versions(),
        "model": {"spec": _spec(options.model), "identity": getattr(bench.respondent, "identity", None)},
        "extractor": {"name": agents.extractor.name, "identity": agents.extractor.identity},
        "judge": {
            "name": agents.judge_name,
            "identity": "\n\n".join(judge.identity for judge in agents.judges),
        },
        "listener": agents.listener.name if agents.listener else None,
        "data": {
            "name": bench.dataset.name,
            "fingerprint": bench.dataset.fingerprint,
            "folder": str(bench.dataset.folder),
            "samples": Counter(sample.task.name for sample in bench.dataset.samples),
        },
        "prompts": digest_of({"question": bench.template, **agents.templates}),
        "settings": {
            name: getattr(options, name)
            for name in ("frames", "fps", "spread", "modalities", "decoder", "tasks", "limit", "shard")
        }
        | {"thoughts": asked.thoughts, "sound_seconds": _sound_seconds(bench, agents)},
        "arguments": rerun_of(bench, asked),
    }


def _sound_seconds(bench: Bench, agents: Agents) -> float | None:
    """After how many seconds sound is cut; None where nobody hears any, or the whole clip is sent."""
    taken = bench.respondent.modalities if isinstance(bench.respondent, (Model, Watcher)) else frozenset()
    hears = "audio" in (bench.options.modalities or ("audio",)) and "audio" in taken and "clip" not in taken
    return bench.options.clip_limits.sound_seconds if hears or agents.listener else None


def incomparable(suite: Suite, data: str, counts: Counter[str], extractor: str, judges: Iterable[str]) -> Iterator[str]:
    """Why scores do not compare with published ones, a reason each.

    Args:
        suite: what the run asks of.
        data: the data's name.
        counts: how many samples of each task are asked.
        extractor: the extractor's name.
        judges: the judges' names.
    """
    if data == DEMO_NAME:
        yield "the clips are drawn and the voices synthetic; they test the path and measure nothing"
    elif (sizes := suite.read_published()["samples"]) and counts != sizes:
        yield f"the run asks {counts.total()} samples, not the benchmark's {sum(sizes.values())}"
    roles = measures_of(suite).roles
    for role, name, paper in (
        ("extractor", extractor, PAPER_EXTRACTOR),
        *(("judge", judge, PAPER_JUDGE) for judge in judges),
    ):
        if role not in roles:
            continue
        if name == RULES:
            yield f"the {role} is rules, a list of words"
        elif name != paper:
            yield f"the {role} is {name}, not {paper}"


def facts_of(bench: Bench, agents: Agents, asked: Sequence[Sample]) -> Mapping[str, Any]:
    """What a report says that hangs on which samples are asked, by field."""
    counts = Counter(sample.task.name for sample in asked)
    judges = [judge.name for judge in agents.judges]
    return {
        "selected": len(asked),
        "incomparable": tuple(incomparable(bench.suite, bench.dataset.name, counts, agents.extractor.name, judges)),
        "floors": floors_of(bench, asked),
    }


def background_of(bench: Bench, agents: Agents, asked: EvaluatorOptions, root: Path) -> Background:
    """What the report of a run says besides its records' figures."""
    return Background(
        model=bench.respondent.name,
        provenance=provenance_of(bench, agents, asked, root),
        **facts_of(bench, agents, bench.samples),
        published=published_of(bench.suite, bench.options.model),
    )


def published_of(suite: Suite, model: str) -> Mapping[str, float]:
    """The headline score of a model of that name in the published table, by task and overall; empty without a row."""
    row = suite.read_published()["models"].get(published_row(model))
    if row is None:
        return {}
    headline = measures_of(suite).headline.name
    places = {OVERALL: row["overall"], **row["tasks"]}
    return {name: float(places[name][headline]) for name in (*suite.tasks, OVERALL) if name in places}


def introduction(bench: Bench, agents: Agents) -> list[str]:
    """Who is asked what, who judges, and what is missing, a line each."""
    judges = measures_of(bench.suite).roles
    judged = f"; extractor {agents.extractor.name}, judge {agents.judge_name}" if judges else ""
    lines = [
        f"{bench.suite.title}: {bench.respondent.name} answers {len(bench.samples)} of {len(bench.dataset.samples)}"
        f" samples of {bench.dataset.name}{judged}"
    ]
    if bench.dataset.name == DEMO_NAME:
        lines.append(
            "THIS IS THE DEMO: drawn clips that test the path and measure nothing; --data=DIR for the benchmark"
        )
    lines += bench.local.notes
    missing = [why for sample in bench.samples if (why := bench.dataset.missing.get(sample.id))]
    if missing:
        lines.append(f"{len(missing)} clips cannot be used, their cases are errors; the first: {missing[0]}")
    unknown = getattr(bench.respondent, "unknown", ())
    unanswered = set(getattr(bench.respondent, "missing", ())).intersection(sample.id for sample in bench.samples)
    if unknown:
        lines.append(f"answers: {len(unknown)} ids are unknown and left alone, e.g. {', '.join(unknown[:3])}")
    if unanswered:
        lines.append(f"answers: {len(unanswered)} samples have none and are errors, e.g. {min(unanswered)}")
    return lines


def majority_floor(samples: Iterable[Sample]) -> Fraction | None:
    """The exact-match score of constantly answering each source's commonest label(s); None where there is no sample."""
    counts = label_counts(list(samples)).values()
    total = sum(counter.total() for counter in counts)
    return Fraction(sum(max(counter.values()) for counter in counts), total) if total else None
