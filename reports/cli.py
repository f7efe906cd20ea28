"""`mme-emotion`: what comes after a run."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import EmotionError
from benchmark.task import TASKS
from evaluators.official import Counts, Rescored, read_evaluations, rescore_official, rescore_strict
from reports.table import as_text, percent


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, or 2 where something was wrong with what was given."""
    asked = _parser().parse_args(arguments)
    try:
        asked.run(asked)
    except EmotionError as error:
        print(f"mme-emotion: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mme-emotion", description="After a run of the MME-Emotion suite.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    rescore = commands.add_parser("rescore", help="turn evaluation files of the official scripts into scores")
    rescore.add_argument("files", nargs="+", type=Path, metavar="EVAL.json")
    rescore.add_argument("--task", help=f"whose files they are, where their names do not tell: {', '.join(TASKS)}")
    rescore.add_argument(
        "--official", action="store_true", help="count as the official scripts do, leniencies included"
    )
    rescore.add_argument("--json", action="store_true", help="print JSON: overall and tasks, scores as fractions")
    rescore.set_defaults(run=_rescore)
    return parser


def _rescore(asked: argparse.Namespace) -> None:
    rows = read_evaluations(asked.files, asked.task)
    official, strict = rescore_official(rows), rescore_strict(rows)
    if asked.json:
        print(json.dumps((official if asked.official else strict).as_json(), indent=1))
        return
    both = [("official counting", official), ("strict parsing", strict)]
    for title, counted in both if asked.official else reversed(both):
        print(f"{title} (scores in percent)")
        print("\n".join(as_text(_rows(counted))), end="\n\n")


def _rows(counted: Rescored) -> list[tuple[str, ...]]:
    head = ("Task", "Rows", "Left out", "Recognition", "Reasoning", "CoT", "Steps")
    return [head, *(_row(name, counts) for name, counts in counted.tasks.items()), _row("overall", counted.overall)]


def _row(name: str, counts: Counts) -> tuple[str, ...]:
    steps = "–" if counts.avg_steps is None else f"{counts.avg_steps:.1f}"
    scores = (percent(score) for score in (counts.recognition, counts.reasoning, counts.cot))
    return (name, str(counts.samples), str(counts.samples - counts.scored), *scores, steps)


if __name__ == "__main__":
    sys.exit(main())
