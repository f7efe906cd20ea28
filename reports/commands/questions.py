"""`mme-emotion suites` and `questions`: which benchmarks there are, and what a model would be asked."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path

from platformdirs import user_cache_path

from benchmark.clips.reader import ClipReader
from benchmark.data.dataset import read_data
from benchmark.errors import DataError, NotKept
from benchmark.models.asking import Prompter
from benchmark.models.questions import QuestionSettings, question_row, refuse_dialogues
from benchmark.models.templates import check_replacements
from benchmark.options import declare, read_arguments
from benchmark.run_setup import (
    BenchmarkOptions,
    data_of_environment,
    question_settings,
    question_templates,
    selected,
)
from benchmark.storage.cache import Cache
from benchmark.storage.passing import passing_folder
from benchmark.suite import Suite, find_suite, suite_names
from benchmark.task import Sample
from evaluators.agents import PROMPTS
from evaluators.measures import measures_of
from reports.commands.parser import Commands
from reports.say import say, tell

OPTIONS = (
    *("data", "suite", "tasks", "limit", "shard", "frames", "fps", "spread", "clip_limits", "modalities", "decoder"),
    *("prompts", "cache", "no_cache", "cache_limit"),
)
"""The options of a run that select questions or affect their wording and frames."""

AT_ONCE = 32
"""Clips that are read at a time."""


def add_questions(commands: Commands) -> None:
    """Declares the commands `suites` and `questions`."""
    suites = commands.add_parser("suites", help="list the benchmarks, their tasks, and where their data is had")
    suites.add_argument("--json", action="store_true", help="print one JSON object")
    suites.set_defaults(run=_suites)
    questions = commands.add_parser(
        "questions",
        help="print what a model would be sent, one question a line of JSON, to answer elsewhere",
        description="Prints the selected questions as a run would send them, without the true labels: the wording, the "
        "clip's path, the times of the frames in seconds. An answer may carry its question_hash, which answers:FILE "
        "compares. Exit code 1 if a clip cannot be read; its question is left out.",
    )
    declare(BenchmarkOptions, questions.add_argument, OPTIONS)
    questions.set_defaults(run=_questions)


def _suites(asked: argparse.Namespace) -> None:
    suites = [find_suite(name) for name in suite_names()]
    if asked.json:
        print(json.dumps({suite.name: _as_json(suite) for suite in suites}, indent=1, ensure_ascii=True))
        return
    for place, suite in enumerate(suites):
        say(*([""] if place else []), *_lines(suite))


def _as_json(suite: Suite) -> Mapping[str, object]:
    measures = measures_of(suite)
    return {
        "title": suite.title,
        "data": suite.data,
        "layout": suite.layout,
        "demo": suite.demo is not None,
        "tasks": {
            name: {"title": suite.tasks[name].title, "measures": [one.name for one in metric.measures]}
            for name, metric in measures.metrics.items()
        },
    }


def _lines(suite: Suite) -> Iterator[str]:
    """The suite's name and title, its tasks with their headline measure, and where its data is had."""
    yield f"{suite.name}: {suite.title}"
    metrics = measures_of(suite).metrics
    for headline, tasks in groupby(suite.tasks, lambda name: metrics[name].measures[0].title):
        yield f"  {headline}: {', '.join(tasks)}"
    yield f"  data: {suite.data or 'your own'}"
    yield f"  demo: {f'--suite={suite.name} --data=demo, {suite.demo_of}' if suite.demo else 'none'}"


def _questions(asked: argparse.Namespace) -> int:
    options = read_arguments(BenchmarkOptions, asked)
    suite = find_suite(options.suite)
    check_replacements(options.prompts, [*suite.prompts, *PROMPTS.glob("*.txt")])
    templates = question_templates(options, suite)
    dataset = read_data(options.data or data_of_environment(), suite)
    samples = selected(options, suite, dataset.samples)
    refuse_dialogues(samples, "mme-emotion questions")
    settings = question_settings(options, templates)
    with _folder(options) as folder, closing(Cache(folder, int(options.cache_limit * 1e9))) as cache:
        reader = ClipReader(cache, options.decoder, spread=options.spread, limits=options.clip_limits)
        prompter = Prompter(
            reader=reader, templates=templates, fps=options.fps, most=options.frames, modalities=settings.modalities
        )
        unread = asyncio.run(_print(samples, prompter, settings))
    if unread:
        name, why = next(iter(unread.items()))
        tell(f"mme-emotion: {len(unread)} questions are left out, since their clips cannot be read; {name}: {why}")
    return 1 if unread else 0


@contextmanager
def _folder(options: BenchmarkOptions) -> Iterator[Path]:
    """The folder of the cache; with `--no-cache` a temporary one.

    Raises:
        NotKept: there is no space for a temporary one.
    """
    if not options.no_cache:
        yield options.cache or user_cache_path("mme-emotion")
        return
    try:
        with passing_folder() as folder:
            yield folder
    except OSError as error:
        raise NotKept(f"Cannot create a temporary folder ({error.strerror}); free space, or set TMPDIR.") from error


async def _print(samples: Sequence[Sample], prompter: Prompter, settings: QuestionSettings) -> Mapping[str, str]:
    """Prints the questions in order; returns why a clip cannot be read, by sample id."""
    unread: dict[str, str] = {}

    async def asked(sample: Sample) -> Mapping[str, object] | DataError:
        try:
            return await question_row(sample, prompter, settings)
        except DataError as error:
            return error

    for first in range(0, len(samples), AT_ONCE):
        part = samples[first : first + AT_ONCE]
        for sample, row in zip(part, await asyncio.gather(*map(asked, part)), strict=True):
            if isinstance(row, DataError):
                unread[sample.id] = str(row)
            else:
                sys.stdout.write(f"{json.dumps(row)}\n")
    sys.stdout.flush()
    return unread
