"""The command line of `mme-emotion`, and its commands `rescore` and `cache`."""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from benchmark.errors import RunError
from benchmark.options import declare, read_arguments
from benchmark.run_setup import BenchmarkOptions
from benchmark.storage.cache import Cache
from benchmark.suite import find_suite
from evaluators.metrics.steps import METRIC
from evaluators.official import Rescored, read_evaluations, rescore_official, rescore_strict
from reports.commands.compare import add_comparisons
from reports.commands.doctor import add_doctor
from reports.commands.judge import add_judge
from reports.commands.parser import Parser
from reports.commands.questions import add_questions
from reports.commands.rate import add_rate
from reports.commands.rejudge import add_rejudge
from reports.commands.run import add_runs
from reports.commands.worker import add_worker
from reports.say import say
from reports.tables.table import as_text
from reports.wording import percent


def parser() -> argparse.ArgumentParser:
    """The parser of the command line; its result has `run`, which takes the result and returns an exit code or None."""
    whole = Parser(prog="mme-emotion", description="Commands for use before and after a run of the MME-Emotion suite.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    rescore = commands.add_parser("rescore", help="compute scores from evaluation files of the official scripts")
    rescore.add_argument("files", nargs="+", type=Path, metavar="EVAL.json")
    tasks = ", ".join(find_suite().tasks)
    rescore.add_argument("--task", help=f"task of the files, if their names do not contain it: {tasks}")
    rescore.add_argument("--official", action="store_true", help="count as leniently as the official scripts")
    rescore.add_argument("--json", action="store_true", help="print JSON: overall and tasks, scores as fractions")
    rescore.set_defaults(run=_rescore)
    add_doctor(commands)
    add_judge(commands)
    add_comparisons(commands)
    add_runs(commands)
    add_rejudge(commands)
    add_rate(commands)
    add_questions(commands)
    add_worker(commands)
    cache = commands.add_parser("cache", help="show or delete cached replies and decoded clips")
    actions = cache.add_subparsers(required=True, metavar="ACTION")
    for name, run, text in (
        ("stats", _cache_stats, "print the size of the cache"),
        ("prune", _cache_prune, "delete frames and sound, least recently used first, down to --cache-limit"),
        ("clear", _cache_clear, "delete everything, including replies: the next run pays for them again"),
    ):
        action = actions.add_parser(name, help=text)
        declare(BenchmarkOptions, action.add_argument, ("cache", "cache_limit") if run is _cache_prune else ("cache",))
        action.set_defaults(run=run)
    return whole


def _cache_stats(asked: argparse.Namespace) -> None:
    with _opened(asked) as cache:
        counts, (files, size) = cache.counts(), cache.media.size()
        print(cache.path.parent)
        kept = f"{counts['reply']} replies and notes on {counts['clip']} decoded clips"
        print(f"{kept}, {_size(cache.path.stat().st_size)}")
        print(f"frames and sound: {files} files, {_size(size)}")


def _cache_prune(asked: argparse.Namespace) -> None:
    limit = read_arguments(BenchmarkOptions, asked).cache_limit
    with _opened(asked) as cache:
        print(f"{_size(cache.media.prune(int(limit * 1e9)))} of frames and sound deleted; replies are kept")


def _cache_clear(asked: argparse.Namespace) -> None:
    with _opened(asked) as cache:
        cache.clear()
        print(f"{cache.path.parent} is empty")


@contextmanager
def _opened(asked: argparse.Namespace) -> Iterator[Cache]:
    """The cache; unlike a run, these commands create none.

    Raises:
        RunError: the folder contains no cache.
    """
    folder = read_arguments(BenchmarkOptions, asked).cache or user_cache_path("mme-emotion")
    if not (folder / "cache.sqlite").exists():
        raise RunError(f"No cache in {folder}; give its folder with --cache=DIR.")
    with closing(Cache(folder)) as cache:
        yield cache


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _rescore(asked: argparse.Namespace) -> None:
    rows = read_evaluations(asked.files, asked.task)
    official, strict = rescore_official(rows), rescore_strict(rows)
    if asked.json:
        print(json.dumps((official if asked.official else strict).as_json(), indent=1))
        return
    both = [("official counting", official), ("strict parsing", strict)]
    for title, counted in both if asked.official else reversed(both):
        say(f"{title} (scores in percent)", *as_text(_rows(counted)), "")


def _rows(counted: Rescored) -> list[tuple[str, ...]]:
    rows = [("Task", "Rows", "Left out", *(measure.title for measure in METRIC.measures), "Steps")]
    for name, counts in {**counted.tasks, "overall": counted.overall}.items():
        steps = "–" if counts.avg_steps is None else f"{counts.avg_steps:.1f}"
        scores = (percent(getattr(counts, measure.name)) for measure in METRIC.measures)
        rows.append((name, str(counts.samples), str(counts.samples - counts.scored), *scores, steps))
    return rows
