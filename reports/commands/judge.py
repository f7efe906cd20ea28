"""`mme-emotion judge`: how good a judge is, by anchors and by people."""

import argparse
import asyncio
import sys
from contextlib import closing
from pathlib import Path

from platformdirs import user_cache_path

from benchmark.accounts.limits import Limits
from benchmark.clips.reader import ClipReader
from benchmark.errors import RunError
from benchmark.local.run import LocalRun, Site
from benchmark.model import Connected, Model
from benchmark.models.find import ModelOptions
from benchmark.models.templates import read_templates
from benchmark.options import parse_pairs, parts_of
from benchmark.storage.cache import Cache
from benchmark.storage.passing import passing_folder
from evaluators.agents import PROMPTS
from evaluators.judge.check import Checked, check_judge
from evaluators.judge.judge import Judge, PromptedJudge
from evaluators.judge.panel import Panel
from evaluators.lookup import find_judge
from reports.figures.health import health_of, shortfalls
from reports.figures.ratings import agreement_of, judge_ratings, read_ratings, write_sheet
from reports.gate.gate import read_limits
from reports.kept.checks import keep_check, read_checks
from reports.kept.past import read_past
from reports.kept.report import JudgeHealth
from reports.say import say, tell
from reports.tables.health import health_notes, health_rows
from reports.tables.ratings import lines_of, notes_of
from reports.tables.table import as_text


def add_judge(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares `judge` and what it does."""
    judge = commands.add_parser("judge", help="how good a judge is, by anchors whose truth is known and by people")
    actions = judge.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="let it rate anchors: right, wrong, contradicted and hostile answers")
    check.add_argument(
        "--judge", action="append", required=True, metavar="SPEC", help="as for pytest; of several, the majority"
    )
    check.add_argument(
        "--judge-base-url", default="", metavar="URL", help="endpoint of openai:NAME; several, comma-separated"
    )
    check.add_argument("--judge-api-key-env", metavar="VARIABLE", help="variable that holds its key")
    check.add_argument("--judge-option", metavar="K=V,…", help="as for pytest")
    check.add_argument(
        "--prompts", type=Path, metavar="DIR", help="prompt templates that replace those of the same name"
    )
    check.add_argument(
        "--gate", type=Path, metavar="FILE.toml", help="whose limits on the judge hold (default: the usual)"
    )
    check.add_argument("--short", action="store_true", help="the anchors of the check before a gated run")
    check.add_argument("--concurrency", type=int, metavar="N", help="requests in flight")
    check.add_argument("--cache", type=Path, metavar="DIR", help="where checks are kept (default: the user's cache)")
    check.set_defaults(run=_check)
    agree = actions.add_parser("agree", help="compare its ratings with people's")
    agree.add_argument("ratings", type=Path, metavar="RATINGS.csv", help="id, step, a column for each person")
    agree.add_argument(
        "--run-dir", type=Path, metavar="RUN", help="whose judge it is, where there is no column `judge`"
    )
    agree.set_defaults(run=_agree)
    sheet = actions.add_parser("sheet", help="print a sheet of a run's steps for people to rate, as CSV")
    sheet.add_argument("run_dir", type=Path, metavar="RUN")
    sheet.add_argument("--samples", type=int, default=100, metavar="N", help="default: 100, as in the published check")
    sheet.set_defaults(run=_sheet)


def _check(asked: argparse.Namespace) -> int:
    limits = read_limits(asked.gate) if asked.gate else JudgeHealth()
    folder = asked.cache or user_cache_path("mme-emotion")
    accounts = Limits(asked.concurrency)
    with passing_folder() as passing, closing(LocalRun(Site(folder=passing))) as local:
        judge, models = _judge(asked, accounts, local)
        past = read_checks(folder, judge.name)
        local.check()
        checked = asyncio.run(_checked(judge, models, accounts, folder, short=asked.short))
    health = health_of(judge.name, checked, limits, short=asked.short)
    keep_check(folder, health)
    missing = shortfalls(health)
    say(f"Judge {health.judge}, {len(health.ratings)} anchors: {'not to be trusted' if missing else 'good enough'}")
    for line in [*as_text(health_rows(health, whole=True)), "", *missing, *health_notes(health, past)]:
        say(line)
    return 1 if missing else 0


def _judge(asked: argparse.Namespace, accounts: Limits, local: LocalRun) -> tuple[Judge, list[Connected]]:
    options = ModelOptions(
        base_urls=parts_of(asked.judge_base_url),
        api_key_env=asked.judge_api_key_env,
        parameters=dict(parse_pairs("judge_option", asked.judge_option)),
        modalities=("video",),
        limits=accounts,
        local=local,
    )
    found = [find_judge(spec, options) for spec in asked.judge]
    template = read_templates(PROMPTS, asked.prompts)["judge"]
    judges = tuple(PromptedJudge(one, template) if isinstance(one, Model) else one for one in found)
    models: list[Connected] = [one for one in found if isinstance(one, Connected)]
    return judges[0] if len(judges) == 1 else Panel(judges), models


async def _checked(
    judge: Judge, models: list[Connected], accounts: Limits, folder: Path, *, short: bool
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


def _agree(asked: argparse.Namespace) -> int:
    sheet = read_ratings(asked.ratings)
    judge = sheet.judge
    if judge is None:
        if asked.run_dir is None:
            raise RunError(f"{asked.ratings} has no column `judge`: name the run that it rates with --run-dir=RUN.")
        judge = judge_ratings(read_past(asked.run_dir).records.values())
    agreement = agreement_of(sheet, judge)
    for line in [*as_text(lines_of(agreement)), "", *notes_of(agreement)]:
        say(line)
    return 0


def _sheet(asked: argparse.Namespace) -> int:
    written = write_sheet(read_past(asked.run_dir).records.values(), asked.samples, sys.stdout)
    print(f"{written} samples; fill in the columns rater1, rater2, …", file=sys.stderr)
    return 0
