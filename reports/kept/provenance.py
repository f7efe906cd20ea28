"""The provenance of a run's figures: versions, data, agents, wording, settings."""

import hashlib
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template
from typing import Any

from benchmark.accounts.catalogue import published_row
from benchmark.data.dataset import DEMO_NAME
from benchmark.model import Model, Watcher
from benchmark.models.floors import label_counts
from benchmark.run_setup import QUESTION, Bench
from benchmark.suite import DRAWN, OVERALL, Suite, is_within
from benchmark.task import Sample
from evaluators.agents import Agents, EvaluatorOptions
from evaluators.lookup import RULES
from evaluators.measures import measures_of
from reports.kept.report import Background, SuiteFacts
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
    "sacrebleu",
    "nltk",
)
"""The packages that scores may depend on."""


def versions() -> Mapping[str, str]:
    """The versions of Python, the platform and those of `PACKAGES` that are installed, by name."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def commit_of(root: Path) -> str | None:
    """The git commit of the suite's checkout, with `+` if files have changed since; None outside git."""
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  fixed arguments
        ["git", "-C", str(root), *arguments],  # noqa: S607  the user's git
        capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    return done.stdout.strip()


def floors_of(bench: Bench, asked: Iterable[Sample]) -> Mapping[str, float]:
    """By task and overall, the score of a constant guess on the whole data.

    A guess that is chosen on the selection would profit from hindsight.
    """
    tasks = {sample.task.name for sample in asked}
    samples = {
        name: [s for s in bench.dataset.samples if s.task.name == name] for name in bench.suite.tasks if name in tasks
    }
    samples |= {
        place: [sample for name, members in samples.items() if is_within(place, name) for sample in members]
        for place in bench.suite.places
    }
    return {name: float(floor) for name, members in samples.items() if (floor := majority_floor(members)) is not None}


def _spec(model: str) -> str:
    """The model as the user named it, without the folders of a file's path."""
    scheme, _, rest = model.partition(":")
    is_file = scheme == "answers" or (scheme == "hf" and Path(rest).expanduser().exists())
    return f"{scheme}:{Path(rest).name}" if is_file else model


def provenance_of(bench: Bench, agents: Agents, asked: EvaluatorOptions, root: Path) -> Mapping[str, Any]:
    """Everything that determines the figures, and how to reproduce them; `root` is the suite's checkout."""
    options = bench.options
    return {
        "suite": bench.suite.name,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "commit": commit_of(root),
        "versions": versions(),
        "model": {"spec": _spec(options.model), "identity": getattr(bench.respondent, "identity", None)},
        "extractor": {"name": agents.extractor.name, "identity": agents.extractor.identity},
        "judge": {"name": agents.judge_name, "identity": "\n\n".join(judge.identity for judge in agents.judges)},
        "listener": agents.listener.name if agents.listener else None,
        **({"bertscore": agents.bertscore.name} if agents.bertscore else {}),
        "data": {
            "name": bench.dataset.name,
            "fingerprint": bench.dataset.fingerprint,
            "folder": str(bench.dataset.folder),
            "samples": Counter(sample.task.name for sample in bench.dataset.samples),
            **({"names": bench.dataset.names} if bench.dataset.names else {}),
        },
        "prompts": {
            name: hashlib.sha256(template.template.encode()).hexdigest()[:12]
            for name, template in {**_wordings(bench), **agents.templates}.items()
        },
        "settings": {
            name: getattr(options, name)
            for name in ("frames", "fps", "spread", "modalities", "decoder", "tasks", "limit", "shard")
        }
        | {"thoughts": asked.thoughts, "sound_seconds": _sound_seconds(bench, agents)}
        | ({"unanswered": bench.unanswered[0]} if options.answered_only else {}),
        "arguments": rerun_of(bench, asked),
    }


def _wordings(bench: Bench) -> Mapping[str, Template]:
    """The wordings of questions, by the name of their prompt; of one of several suites `SUITE/question`."""
    return {"/".join(filter(None, (suite, QUESTION))): one for suite, one in bench.templates.items()}


def _sound_seconds(bench: Bench, agents: Agents) -> float | None:
    """After how many seconds sound is cut; None if no model or agent hears it, or only as a part of the whole clip."""
    taken = bench.respondent.modalities if isinstance(bench.respondent, (Model, Watcher)) else frozenset()
    hears = "audio" in (bench.options.modalities or ("audio",)) and "audio" in taken
    hears = hears and ("clip" not in taken or "track" in taken)
    return bench.options.clip_limits.sound_seconds if hears or agents.listener else None


def incomparable(suite: Suite, data: str, counts: Counter[str], extractor: str, judges: Iterable[str]) -> Iterator[str]:
    """The reasons why scores do not compare with published ones.

    `data`, `extractor` and `judges` are names; `counts` is the number of samples asked, by task.
    """
    published = suite.read_published()
    if data == DEMO_NAME:
        yield _demo_in_words(suite)
    elif (sizes := published["samples"]) and counts != sizes:
        yield f"the run asks {counts.total()} samples, not the benchmark's {sum(sizes.values())}"
    if data != DEMO_NAME:
        yield from suite.caveats
    roles = measures_of(suite).roles
    for role, name in (("extractor", extractor), *(("judge", judge) for judge in judges)):
        if role in roles and (paper := published.get(role)) not in (None, name):
            yield f"the {role} is {'rules, a list of words' if name == RULES else f'{name}, not {paper}'}"


def _demo_in_words(suite: Suite) -> str:
    made = f"the data are {suite.demo_of}" if suite.demo_of != DRAWN else "the clips are drawn and the voices synthetic"
    return f"{made}; they test the pipeline and measure nothing"


def facts_of(bench: Bench, agents: Agents, asked: Sequence[Sample]) -> Mapping[str, Any]:
    """The fields of a `Background` that depend on which samples are asked."""
    counts = Counter(sample.task.name for sample in asked)
    names = {OVERALL: bench.dataset.name, **bench.dataset.names}
    judges = [judge.name for judge in agents.judges]
    return {
        "selected": len(asked),
        "floors": floors_of(bench, asked),
        **facts_by_suite(bench.suite, names, counts, agents.extractor.name, judges),
    }


def facts_by_suite(
    suite: Suite, data: Mapping[str, str], counts: Counter[str], extractor: str, judges: Sequence[str]
) -> Mapping[str, Any]:
    """Why scores do not compare with published ones, and for several suites how many samples of each are asked.

    `data` has the name of the data by place, `counts` the number of samples asked by task.
    """
    found = {}
    for place, member in suite.places.items():
        of_suite = Counter({name: count for name, count in counts.items() if is_within(place, name)})
        reasons = tuple(incomparable(member, data[place], of_suite, extractor, judges))
        if of_suite or not suite.members:
            found[place] = SuiteFacts(selected=of_suite.total(), incomparable=reasons)
    return {"suites": found, "incomparable": ()} if suite.members else {"incomparable": found[OVERALL].incomparable}


def background_of(bench: Bench, agents: Agents, asked: EvaluatorOptions, root: Path) -> Background:
    """The fields of a run's report that are not computed from its records; `root` is the suite's checkout."""
    return Background(
        model=bench.respondent.name,
        provenance=provenance_of(bench, agents, asked, root),
        **facts_of(bench, agents, bench.samples),
        published=published_of(bench.suite, bench.options.model),
    )


def published_of(suite: Suite, model: str) -> Mapping[str, float]:
    """The headline score of that model in the published table, by task and overall; empty if it has no row there."""
    found: dict[str, float] = {}
    for place, member in suite.places.items():
        if (row := member.read_published()["models"].get(published_row(model))) is None:
            continue
        headline = measures_of(member).headline.name
        places = {**row["tasks"], place: row["overall"]}
        found |= {name: float(places[name][headline]) for name in (*member.tasks, place) if name in places}
    return found


def introduction(bench: Bench, agents: Agents) -> list[str]:
    """The first lines of a run: its model, data and judge, and what is missing."""
    judges = measures_of(bench.suite).roles & {"extractor", "judge"}
    judged = f"; extractor {agents.extractor.name}, judge {agents.judge_name}" if judges else ""
    lines = [
        f"{bench.suite.title}: {bench.respondent.name} answers {len(bench.samples)} of {len(bench.dataset.samples)}"
        f" samples of {bench.dataset.name}{judged}"
    ]
    if bench.dataset.name == DEMO_NAME:
        lines.append(
            f"THIS IS THE DEMO: {bench.suite.demo_of} that test the pipeline and measure nothing;"
            " --data=DIR runs the benchmark"
        )
    lines += bench.local.notes
    missing = [why for sample in bench.samples if (why := bench.dataset.missing.get(sample.id))]
    if missing:
        lines.append(f"{len(missing)} clips cannot be used and their cases are errors; the first: {missing[0]}")
    unknown = getattr(bench.respondent, "unknown", ())
    unanswered = set(getattr(bench.respondent, "missing", ())).intersection(sample.id for sample in bench.samples)
    if unknown:
        lines.append(f"answers: {len(unknown)} ids are unknown and ignored, e.g. {', '.join(unknown[:3])}")
    if bench.options.answered_only:
        lines.append(f"answers: {bench.unanswered[0]} samples have no answer and are left out, by --answered-only")
    if unanswered:
        lines.append(f"answers: {len(unanswered)} samples have no answer and are errors, e.g. {min(unanswered)}")
    return lines


def majority_floor(samples: Iterable[Sample]) -> Fraction | None:
    """The exact-match score, 0 to 1, of always giving each source's most common label(s).

    None without samples, or with dialogues and texts, which are not right or wrong.
    """
    samples = list(samples)
    if any(sample.task.turns or sample.task.reference for sample in samples):
        return None
    counts = label_counts(samples).values()
    total = sum(counter.total() for counter in counts)
    return Fraction(sum(max(counter.values()) for counter in counts), total) if total else None
