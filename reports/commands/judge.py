"""`mme-emotion judge`: measures a judge with anchors, and against people."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from platformdirs import user_cache_path

from benchmark.accounts.limits import Limits
from benchmark.clips.reader import ClipReader
from benchmark.errors import RunError
from benchmark.local.run import LocalRun, Site
from benchmark.model import Connected
from benchmark.models.find import ModelOptions
from benchmark.models.templates import read_templates
from benchmark.options import declare, read_arguments
from benchmark.run_setup import BenchmarkOptions
from benchmark.storage.cache import Cache
from benchmark.storage.passing import passing_folder
from evaluators.agents import PROMPTS, EvaluatorOptions, judge_of
from evaluators.judge.check import Checked, check_judge
from evaluators.judge.judge import Judge
from evaluators.lookup import find_judge
from reports.commands.parser import Commands
from reports.figures.health import health_of, shortfalls
from reports.figures.ratings import agreement_of, judge_ratings, read_ratings, write_sheet
from reports.gate.gate import read_limits
from reports.kept.checks import keep_check, read_checks
from reports.kept.past import read_past
from reports.kept.report import JudgeHealth
from reports.options import ReportOptions
from reports.say import say, tell
from reports.tables.health import health_notes, health_rows
from reports.tables.ratings import lines_of, notes_of
from reports.tables.table import as_text


def add_judge(commands: Commands) -> None:
    """Declares `judge` and its actions."""
    judge = commands.add_parser("judge", help="measure a judge with answers whose scores are known, or against people")
    actions = judge.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="let it rate anchors: right, wrong, contradictory and hostile answers")
    agents = ("judge", "judge_base_url", "judge_api_key_env", "judge_option")
    changes: dict[str, dict[str, object]] = {
        "judge": {"required": True, "help": "judge: a model, or rules; repeat it for several, whose majority decides"},
        "judge_base_url": {"help": "endpoint of the judge if it is openai:NAME (default: OpenAI)"},
        "gate": {"help": "release gate whose limits on the judge apply (default: the usual limits)"},
    }
    declare(EvaluatorOptions, check.add_argument, agents, changes)
    declare(BenchmarkOptions, check.add_argument, ("prompts", "concurrency", "cache"))
    declare(ReportOptions, check.add_argument, ("gate",), changes)
    check.add_argument("--short", action="store_true", help="only the anchors that are checked before a gated run")
    check.set_defaults(run=_check)
    agree = actions.add_parser("agree", help="compare the judge's ratings with those of people")
    agree.add_argument("ratings", type=Path, metavar="RATINGS.csv", help="CSV file: id, step, a column for each person")
    agree.add_argument(
        "--run-dir", type=Path, metavar="RUN", help="run whose judge is compared, if the file has no column `judge`"
    )
    agree.set_defaults(run=_agree)
    sheet = actions.add_parser("sheet", help="print steps of a run as CSV for people to rate")
    sheet.add_argument("run_dir", type=Path, metavar="RUN")
    sheet.add_argument(
        "--samples",
        type=int,
        default=100,
        metavar="N",
        help="number of samples (default: 100, as in the published check)",
    )
    sheet.set_defaults(run=_sheet)


def _check(asked: argparse.Namespace) -> int:
    options, gate = read_arguments(BenchmarkOptions, asked), read_arguments(ReportOptions, asked).gate
    limits = read_limits(gate) if gate else JudgeHealth()
    folder = options.cache or user_cache_path("mme-emotion")
    accounts = Limits(options.concurrency)
    agent = read_arguments(EvaluatorOptions, asked).judge
    with passing_folder() as passing, closing(LocalRun(Site(folder=passing))) as local:
        shared = ModelOptions(limits=accounts, local=local)
        found = [find_judge(spec, agent.over(shared, "video")) for spec in agent.spec]
        judge = judge_of(found, read_templates(PROMPTS, options.prompts), lambda model, _: model)
        models = [one for one in found if isinstance(one, Connected)]
        past = read_checks(folder, judge.name)
        local.check()
        checked = asyncio.run(_checked(judge, models, accounts, folder, short=asked.short))
    health = health_of(judge.name, checked, limits, short=asked.short)
    keep_check(folder, health)
    missing = shortfalls(health)
    say(f"Judge {health.judge}, {len(health.ratings)} anchors: {'not to be trusted' if missing else 'good enough'}")
    say(*as_text(health_rows(health, whole=True)), "", *missing, *health_notes(health, past))
    return 1 if missing else 0


async def _checked(
    judge: Judge, models: Sequence[Connected], accounts: Limits, folder: Path, *, short: bool
) -> tuple[Checked, ...]:
    with closing(Cache(folder)) as cache:
        try:
            await asyncio.gather(*(model.check() for model in models))
            for notice in accounts.notices:
                tell(f"mme-emotion: {notice}")
            return await check_judge(judge, ClipReader(cache), short=short)
        finally:
            for model in models:
                await model.aclose()


def _agree(asked: argparse.Namespace) -> None:
    sheet = read_ratings(asked.ratings)
    judge = sheet.judge
    if judge is None:
        if asked.run_dir is None:
            raise RunError(f"{asked.ratings} has no column `judge`; give the run that it rates with --run-dir=RUN.")
        judge = judge_ratings(read_past(asked.run_dir).records.values())
    agreement = agreement_of(sheet, judge)
    say(*as_text(lines_of(agreement)), "", *notes_of(agreement))


def _sheet(asked: argparse.Namespace) -> None:
    written = write_sheet(read_past(asked.run_dir).records.values(), asked.samples, sys.stdout)
    sys.stdout.flush()  # nobody may read it, and then there is nothing to fill in
    tell(f"{written} samples; fill in the columns rater1, rater2, …")
