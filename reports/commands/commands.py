"""The commands of `mme-emotion`: what comes before a run and after it, and the cache."""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from benchmark.errors import RunError
from benchmark.storage.cache import LIMIT, Cache
from benchmark.suite import find_suite
from evaluators.metrics.official import Counts, Rescored, read_evaluations, rescore_official, rescore_strict
from evaluators.metrics.steps import METRIC
from reports.commands.compare import add_comparisons
from reports.commands.doctor import add_doctor
from reports.commands.judge import add_judge
from reports.commands.run import add_runs
from reports.say import say
from reports.tables.table import as_text
from reports.wording import percent


def parser() -> argparse.ArgumentParser:
    """What the command line takes; what it parses has `run`, which returns an exit code or None."""
    whole = argparse.ArgumentParser(prog="mme-emotion", description="Before and after a run of the MME-Emotion suite.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    rescore = commands.add_parser("rescore", help="turn evaluation files of the official scripts into scores")
    rescore.add_argument("files", nargs="+", type=Path, metavar="EVAL.json")
    rescore.add_argument(
        "--task", help=f"whose files they are, where their names do not tell: {', '.join(find_suite().tasks)}"
    )
    rescore.add_argument(
        "--official", action="store_true", help="count as the official scripts do, leniencies included"
    )
    rescore.add_argument("--json", action="store_true", help="print JSON: overall and tasks, scores as fractions")
    rescore.set_defaults(run=_rescore)
    add_doctor(commands)
    add_judge(commands)
    add_comparisons(commands)
    add_runs(commands)
    cache = commands.add_parser("cache", help="what is kept of replies and decoded clips: how much, and away with it")
    actions = cache.add_subparsers(required=True, metavar="ACTION")
    for name, run, text in (
        ("stats", _cache_stats, "how much is kept"),
        ("prune", _cache_prune, "let frames and sound go, least recently used first, down to --cache-limit"),
        ("clear", _cache_clear, "forget everything, replies too: whatever was paid for is paid for again"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("--cache", type=Path, metavar="DIR", help="the folder (default: the user's cache)")
        action.set_defaults(run=run)
        if run is _cache_prune:
            action.add_argument("--cache-limit", type=float, default=LIMIT / 1e9, metavar="GB", help="default: 20")
    return whole


def _cache_stats(asked: argparse.Namespace) -> None:
    with _opened(asked) as cache:
        counts, (files, size) = cache.counts(), cache.media.size()
        print(f"{cache.path.parent}")
        print(
            f"{counts['reply']} replies and notes on {counts['clip']} decoded clips, {_size(cache.path.stat().st_size)}"
        )
        print(f"frames and sound: {files} files, {_size(size)}")


def _cache_prune(asked: argparse.Namespace) -> None:
    with _opened(asked) as cache:
        print(f"{_size(cache.media.prune(int(asked.cache_limit * 1e9)))} of frames and sound are gone; replies stay")


def _cache_clear(asked: argparse.Namespace) -> None:
    with _opened(asked) as cache:
        cache.clear()
        print(f"{cache.path.parent} is empty")


@contextmanager
def _opened(asked: argparse.Namespace) -> Iterator[Cache]:
    """The cache, which is there: looking at one must not make one."""
    folder = asked.cache or user_cache_path("mme-emotion")
    if not (folder / "cache.sqlite").exists():
        raise RunError(f"There is no cache in {folder}; name its folder with --cache DIR.")
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
    head = ("Task", "Rows", "Left out", *(measure.title for measure in METRIC.measures), "Steps")
    return [head, *(_row(name, counts) for name, counts in counted.tasks.items()), _row("overall", counted.overall)]


def _row(name: str, counts: Counts) -> tuple[str, ...]:
    steps = "–" if counts.avg_steps is None else f"{counts.avg_steps:.1f}"
    scores = (percent(getattr(counts, measure.name)) for measure in METRIC.measures)
    return (name, str(counts.samples), str(counts.samples - counts.scored), *scores, steps)
