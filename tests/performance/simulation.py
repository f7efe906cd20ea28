"""How often intervals hold and verdicts are wrong, on made-up runs with the benchmark's own tasks and recordings.

python -m tests.performance.simulation                     all tables of docs/statistics.md, some twenty minutes
python -m tests.performance.simulation intervals stopping  what these names stand for

It needs the published annotations (`MME_EMOTION_DATA`, or where the suite's own tests look for them), not the clips.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from benchmark.data.dataset import read_samples
from benchmark.data.selection import spread_out
from benchmark.suite import find_suite
from benchmark.task import Sample
from reports.gate.gate import Criterion
from reports.gate.verdict import Level, Tally, is_futile, statuses
from reports.kept.report import Kind
from reports.stats.inference import (
    cluster_codes,
    difference_interval,
    difference_test,
    estimate,
    mean_test,
    score_interval,
    score_test,
)
from reports.stats.labels import corrected
from reports.stats.sequential import levels_of, looks_of, unbiased
from tests.reports.figures.test_scores import ANNOTATIONS
from tests.tasks import MEASURE

Row = tuple[str, ...]
Floats = NDArray[np.float64]
ERROR = 0.05
WITHIN = 0.05
"""How alike samples of one recording are: the correlation of being right, where a table does not vary it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The samples that made-up runs are about, as arrays: each one's task, recording, and task as a number."""

    samples: tuple[Sample, ...]
    tasks: NDArray[np.str_]
    recordings: NDArray[np.intp]
    strata: NDArray[np.intp]


def bench_of(samples: Sequence[Sample]) -> Bench:
    return Bench(
        samples=tuple(samples),
        tasks=np.array([sample.task.name for sample in samples]),
        recordings=cluster_codes(sample.recording for sample in samples),
        strata=cluster_codes(sample.task.name for sample in samples),
    )


def chances(levels: Floats, recordings: NDArray[np.intp], within: float, draw: np.random.Generator) -> Floats:
    """Each sample's chance of being right: its task's, moved by its recording as in a beta-binomial distribution."""
    if within == 0:
        return levels
    spread = 1 / within - 1
    place = draw.random(recordings.max() + 1)[recordings]
    return np.asarray(betaincinv(levels * spread, (1 - levels) * spread, place))


def right(chance: Floats, draw: np.random.Generator, steps: int = 1) -> Floats:
    """Scores: right or wrong, or the mean of so many steps."""
    return draw.binomial(steps, chance) / steps


def intervals(bench: Bench) -> Iterator[Row]:
    """Real coverage of 95 % intervals, by task, level and correlation within recordings."""
    yield ("samples", "recordings", "kind", "score", "within 0", "within 0.02", "within 0.05", "within 0.1")
    for name, kept in (
        ("FG-ER", 500),
        ("FG-SA", 500),
        ("SA", 1600),
        ("ML-ER", 600),
        ("Noise-ER", 500),
        ("Noise-ER", 48),
    ):
        part = bench_of([sample for sample in bench.samples if sample.task.name == name][:kept])
        for steps, level in product((1, 4), (0.02, 0.1, 0.3, 0.5, 0.9, None)):
            held = [_coverage(part, level, steps, within) for within in (0.0, 0.02, 0.05, 0.1)]
            recordings = len(np.unique(part.recordings))
            kind = "right or wrong" if steps == 1 else "mean of 4 steps"
            yield (
                f"{name}, {kept}",
                str(recordings),
                kind,
                "any from 2 to 98" if level is None else f"{100 * level:.0f}",
                *(f"{100 * share:.1f}" for share in held),
            )


def _coverage(part: Bench, fixed: float | None, steps: int, within: float, runs: int = 2000) -> float:
    draw, held = np.random.default_rng(1), 0
    for _ in range(runs):
        level = draw.uniform(0.02, 0.98) if fixed is None else fixed
        levels = np.full(len(part.samples), level)
        low, high = score_interval(right(chances(levels, part.recordings, within, draw), draw, steps), part.recordings)
        held += low <= level <= high
    return held / runs


def differences(bench: Bench) -> Iterator[Row]:
    """Real coverage of 95 % intervals of paired differences."""
    yield ("samples", "answers that change", "true difference", "coverage")
    for name, kept in (("FG-ER", 500), ("FG-SA", 500), ("ML-ER", 600), ("Noise-ER", 60)):
        part = bench_of([sample for sample in bench.samples if sample.task.name == name][:kept])
        for change, truth in ((0.05, 0.0), (0.1, -0.01), (0.2, -0.02), (0.3, 0.05)):
            draw, held = np.random.default_rng(2), 0
            for _ in range(2000):
                low, high = difference_interval(_changed(len(part.samples), change, truth, draw), part.recordings)
                held += low <= truth <= high
            yield (f"{name}, {kept}", f"{change:.0%}", f"{100 * truth:+.0f}", f"{held / 20:.1f}")


def strata(bench: Bench, runs: int = 1000) -> Iterator[Row]:
    """Overall intervals by the variance within tasks, beside the one that takes the tasks' differences for chance."""
    head = ("model", "score", "coverage", "variance, estimated over true", "PASS at a point above the limit")
    yield (*head, "within tasks: coverage", "variance", "PASS")
    models = find_suite().read_published()["models"]
    for name, score in (("Gemini-2.5-Pro", "recognition"), ("GPT-4o", "recognition"), ("GPT-4o", "reasoning")):
        levels = np.array([models[name]["tasks"][task][score] for task in bench.tasks])
        draw, truth, means, found = np.random.default_rng(6), float(levels.mean()), [], []
        for _ in range(runs):
            values = right(chances(levels, bench.recordings, WITHIN, draw), draw, 1 if score == "recognition" else 4)
            means.append(values.mean())
            for parts in (None, bench.strata):
                low, high = score_interval(values, bench.recordings, ERROR, parts)
                shown = score_test(values, bench.recordings, truth - 0.01, parts).above <= ERROR
                found.append((low <= truth <= high, estimate(values, bench.recordings, parts).variance, shown))
        table = np.array(found, dtype=float).reshape(runs, 2, 3).mean(axis=0) / (1, np.var(means), 1)
        cells = [f"{100 * held:.1f} | {ratio:.2f} | {100 * passed:.0f} %" for held, ratio, passed in table]
        yield (name, score.title(), *" | ".join(cells).split(" | "))


def floors(bench: Bench, runs: int = 1000) -> Iterator[Row]:
    """Wrong verdicts of `above = "majority"` for a model at the true floor, with recordings redrawn."""
    yield ("task", "samples", "recordings", "floor taken for known: PASS", "FAIL", "sample by sample: PASS", "FAIL")
    for task in find_suite().tasks:
        part = bench_of([sample for sample in bench.samples if sample.task.name == task])
        groups = cluster_codes(f"{sample.source}\n{sorted(sample.targets)}" for sample in part.samples)
        sources = cluster_codes(sample.source for sample in part.samples)
        places = [np.flatnonzero(part.recordings == one) for one in range(part.recordings.max() + 1)]
        truth, draw, words = float(_guess(groups, sources).mean()), np.random.default_rng(8), []
        for _ in range(runs):
            drawn = draw.integers(len(places), size=len(places))
            at = np.concatenate([places[one] for one in drawn])
            recordings = np.repeat(np.arange(len(drawn)), [len(places[one]) for one in drawn])
            guess = _guess(groups[at], sources[at])
            values = right(chances(np.full(len(at), truth), recordings, WITHIN, draw), draw)
            known = score_test(values, recordings, float(guess.mean()))
            paired = difference_test(values - guess, recordings, 0.0)
            words.append([tail <= ERROR for tail in (known.above, known.below, paired.above, paired.below)])
        shares = [f"{100 * share:.1f} %" for share in np.mean(words, axis=0)]
        yield (task, str(len(part.samples)), str(len(places)), *shares)


def _guess(groups: NDArray[np.intp], sources: NDArray[np.intp]) -> Floats:
    """Whether the most common labels of its source are the sample's; `groups` has a number for source and labels."""
    counts = np.bincount(groups)
    best = {source: np.bincount(groups[sources == source], minlength=len(counts)).argmax() for source in set(sources)}
    return np.array([group == best[source] for group, source in zip(groups, sources, strict=True)], dtype=float)


def few(bench: Bench, runs: int = 2000) -> Iterator[Row]:
    """Wrong verdicts of a least score with few recordings of 30 samples each, of a correlation of 0.3."""
    del bench
    yield ("recordings", "level 0.5: PASS", "FAIL", "level 0.9: PASS", "FAIL")
    for count in (3, 5, 10, 15, 20, 30, 50):
        draw, shares = np.random.default_rng(9), []
        recordings = np.repeat(np.arange(count), 30)
        for level in (0.5, 0.9):
            made = (right(chances(np.full(30 * count, level), recordings, 0.3, draw), draw) for _ in range(runs))
            tails = [score_test(values, recordings, level) for values in made]
            words = [(tail.above <= ERROR, tail.below <= ERROR) for tail in tails]
            shares += [f"{100 * share:.1f} %" for share in np.mean(words, axis=0)]
        yield (str(count), *shares)


def unchanged(bench: Bench, runs: int = 300) -> Iterator[Row]:
    """How often the gate of a baseline alone passes a model of which nothing but chance changes, with all 6,500."""
    yield (
        "answers that change",
        "unscored in each run",
        "1 point: PASS",
        "1.5 points",
        "2 points",
        "Recognition alone",
    )
    names = ("recognition", "reasoning", "cot")
    for change, lost in ((0.05, 0.0), (0.1, 0.0), (0.2, 0.0), (0.3, 0.0), (0.2, 0.003), (0.2, 0.009)):
        draw, passed = np.random.default_rng(10), []
        for _ in range(runs):
            columns = [np.full((2, len(bench.samples)), np.nan) for _ in names]
            spread = 1 - np.sqrt(1 - 2 * change)  # chances of 1 - s/2 and s/2 make a share s(2-s)/2 of answers change
            likely = (1 - spread / 2, spread / 2)
            at = draw.choice(likely, size=len(bench.samples))
            steps = draw.choice(likely, size=(5, len(bench.samples)), p=(0.8, 0.2))
            there = draw.random((2, len(bench.samples))) >= lost
            for run in (0, 1):
                columns[0][run] = draw.binomial(1, at)
                columns[1][run] = draw.binomial(1, steps).mean(axis=0)
            columns[2] = (columns[0] + columns[1]) / 2
            word = []
            for margin in (0.01, 0.015, 0.02):
                worst = [np.where(there[1], new, 0) - np.where(there[0], old, 1) for old, new in columns]
                tails = [difference_test(one, bench.recordings, -margin, bench.strata).above for one in worst]
                word.append(all(tail <= ERROR for tail in tails))
            passed.append((*word, tails[0] <= ERROR))
        yield (f"{change:.0%}", f"{lost:.1%}", *(f"{100 * share:.0f} %" for share in np.mean(passed, axis=0)))


def missed(bench: Bench, runs: int = 400) -> Iterator[Row]:
    """What a gate of two points on Recognition passes, by the true drop and the answers that change, with all 6,500."""
    yield ("answers that change", *(f"true drop {drop}: PASS" for drop in (0, 0.5, 1, 1.5, 2, 2.5)))
    for change in (0.1, 0.2, 0.3):
        draw, shares = np.random.default_rng(12), []
        for drop in (0.0, 0.005, 0.01, 0.015, 0.02, 0.025):
            made = (_changed(len(bench.samples), change, -drop, draw) for _ in range(runs))
            tails = [difference_test(values, bench.recordings, -0.02, bench.strata).above for values in made]
            shares.append(f"{100 * np.mean(np.array(tails) <= ERROR):.0f} %")
        yield (f"{change:.0%}", *shares)


def attempts(bench: Bench, runs: int = 800) -> Iterator[Row]:
    """How often a model whose true drop is the two points allowed has passed, once it was run again until PASS."""
    yield ("answers that change by chance", *(f"within {count} runs" for count in (1, 2, 3, 4)))
    for change in (0.1, 0.2):
        draw, passed = np.random.default_rng(13), []
        low = (1 - np.sqrt(1 - 2 * change)) / 2
        for _ in range(runs):
            now = draw.choice((low, 1 - low), size=len(bench.samples))
            before = np.where(draw.random(len(now)) < 0.02 / (1 - 2 * low) / (now == low).mean(), 1 - low, now)
            before = np.where(now == low, before, now)
            baseline = draw.binomial(1, before)
            made = [draw.binomial(1, now) - baseline.astype(float) for _ in range(4)]
            limit = float((now - before).mean())
            tails = [difference_test(values, bench.recordings, limit, bench.strata).above for values in made]
            passed.append(np.logical_or.accumulate(np.array(tails) <= ERROR))
        yield (f"{change:.0%}", *(f"{100 * share:.1f} %" for share in np.mean(passed, axis=0)))


def worsening(bench: Bench, runs: int = 4000) -> Iterator[Row]:
    """Wrong verdicts where the truth is at the limit and nearly all changes are for the worse."""
    head = ("samples", "limit", "answers that change", "Student's test alone: PASS", "both tests: PASS", "FAIL")
    yield (*head, "stopping: PASS", "FAIL")
    for count, limit in ((200, 0.02), (2000, 0.01), (6500, 0.005)):
        part = bench_of(bench.samples[:: len(bench.samples) // count][:count])
        for change in (limit, 1.5 * limit, 3 * limit, 0.2):
            draw, words = np.random.default_rng(5), []
            for _ in range(runs):
                values = _changed(count, change, -limit, draw)
                both = difference_test(values, part.recordings, -limit)
                alone = mean_test(*_with_two_pairs(values, part.recordings), -limit)
                words.append((alone.above <= ERROR, both.above <= ERROR, both.below <= ERROR))
            truth = Truth(model="GPT-4o", kind="drop", places=("overall",), margin=0.0, limit=limit, change=change)
            early = [_settle(_tallies(part, truth, draw)[0], looks_of(count))[0] for _ in range(runs // 4)]
            stopped = [early.count(word) / len(early) for word in ("PASS", "FAIL")]
            shares = [f"{100 * share:.1f} %" for share in (*np.mean(words, axis=0), *stopped)]
            yield (f"{count:,}", f"-{100 * limit:g}", f"{change:.2%}", *shares)


def _with_two_pairs(values: Floats, recordings: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
    """Bonett and Price's two pairs added: with them `mean_test` is what `difference_test` was."""
    return np.append(values, [1.0, -1.0]), np.append(recordings, recordings.max() + np.array([1, 2]))


def _changed(count: int, change: float, truth: float, draw: np.random.Generator) -> Floats:
    better, worse = (change + truth) / 2, (change - truth) / 2
    place = draw.random(count)
    return (place < better).astype(float) - (place > 1 - worse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A made-up run to gate: how far its true scores lie above the gate's limits, for a gate of that kind.

    For a gate on drops, `limit` is the drop allowed, and `change` the share of answers that change.
    """

    model: str
    kind: Kind
    places: tuple[str, ...]
    margin: float
    limit: float = 0.01
    change: float = 0.2


def _tallies(bench: Bench, truth: Truth, draw: np.random.Generator) -> tuple[list[Tally], Floats]:
    """The criteria on one made-up run, and its scores or differences."""
    published = find_suite().read_published()["models"][truth.model]["tasks"]
    levels = np.array([published[task]["recognition"] for task in bench.tasks])
    if truth.kind == "min":
        values = right(chances(levels, bench.recordings, WITHIN, draw), draw)
    else:
        values = _changed(len(levels), truth.change, truth.margin - truth.limit, draw)
    tallies = []
    for place in truth.places:
        member = np.full(len(levels), fill_value=True) if place == "overall" else bench.tasks == place
        limit = float(levels[member].mean()) - truth.margin if truth.kind == "min" else -truth.limit
        criterion = Criterion(kind=truth.kind, place=place, measure=MEASURE["recognition"], limit=limit)
        tallies.append(
            Tally(
                criterion=criterion,
                member=member,
                value=values,
                worst=values,
                best=values,
                clusters=bench.recordings,
                strata=bench.strata,
                other=values,
                unpaired=0,
            )
        )
    return tallies, values


def _level(looks: tuple[int, ...], look: int) -> Level:
    return lambda among: levels_of(looks, ERROR / among)[look]


def _settle(tallies: Sequence[Tally], looks: tuple[int, ...], least: float | None = None) -> tuple[str, int]:
    """The verdict of a run that stops when it can, and the look that it stopped at; `least` is the gate's futility."""
    for look, count in enumerate(looks):
        found = statuses([one.tails(np.arange(count)) for one in tallies], _level(looks, look))
        if "missed" in found or all(status == "met" for status in found):
            return "FAIL" if "missed" in found else "PASS", look
        last = _level(looks, len(looks) - 1)(1)
        if least and count < looks[-1] and is_futile(tallies, np.arange(count), looks[-1], last, least):
            return "INCONCLUSIVE", look
    return "INCONCLUSIVE", len(looks) - 1


TRUTHS = tuple(
    Truth(model=model, kind=kind, places=places, margin=margin)
    for (model, kind, places), margin in product(
        (
            ("Gemini-2.5-Pro", "min", ("overall",)),
            ("AffectGPT", "min", ("overall",)),
            ("GPT-4o", "min", tuple(find_suite().read_published()["samples"])),
            ("GPT-4o", "drop", ("overall",)),
        ),
        (0.0, 0.01, 0.02, 0.05, 0.1, -0.02, -0.05, -0.1),
    )
)


ORDERS = 20
"""So many random orders are made up; each run takes one of them."""


def _orders(bench: Bench) -> list[Bench]:
    return [bench_of(spread_out(bench.samples, str(seed))) for seed in range(ORDERS)]


def stopping(bench: Bench) -> Iterator[Row]:
    """Verdicts of whole runs and of runs that stop when decided, and how many samples the latter ask."""
    yield (
        "gate",
        "truth minus limit",
        "whole: PASS",
        "FAIL",
        "stopping: PASS",
        "FAIL",
        "asked",
        "asked at most by 9 of 10",
    )
    orders, looks = _orders(bench), looks_of(len(bench.samples))
    for truth in TRUTHS:
        draw, whole, early, asked = np.random.default_rng(3), [], [], []
        runs = 2000 if truth.margin == 0 else 300
        for number in range(runs):
            tallies, _ = _tallies(orders[number % ORDERS], truth, draw)
            whole.append(_settle(tallies, looks[-1:])[0])
            word, look = _settle(tallies, looks)
            early.append(word)
            asked.append(looks[look] / looks[-1])
        shares = [f"{100 * words.count(word) / runs:.1f} %" for words in (whole, early) for word in ("PASS", "FAIL")]
        where = "baseline -1.0" if truth.kind == "drop" else f"{truth.model}'s level"
        gate = f"{where}, {'overall' if truth.places == ('overall',) else 'each task'}"
        yield (gate, f"{100 * truth.margin:+.0f}", *shares, f"{np.mean(asked):.0%}", f"{np.quantile(asked, 0.9):.0%}")


def optimism(bench: Bench, runs: int = 300) -> Iterator[Row]:
    """How far scores are off on average, in points, over all runs with `--until-decided`, early ended or not."""
    head = ("gate", "truth minus limit", "ended early", "as measured", "corrected where ended early", "not corrigible")
    yield (*head, "RMSE of those ended early, as measured", "corrected")
    orders, looks = _orders(bench), looks_of(len(bench.samples))
    for truth in (one for one in TRUTHS if one.model == "Gemini-2.5-Pro" and abs(one.margin) <= 0.05):
        draw, measured, fair, early, none = np.random.default_rng(4), [], [], 0, 0
        off: list[tuple[float, float]] = []
        levels = find_suite().read_published()["models"][truth.model]["tasks"]
        level = float(np.mean([levels[task]["recognition"] for task in bench.tasks]))
        for number in range(runs):
            ordered = orders[number % ORDERS]
            tallies, values = _tallies(ordered, truth, draw)
            look = _settle(tallies, looks)[1]
            found = None
            if look < len(looks) - 1:
                strata = [(sample.task.name, sample.targets) for sample in ordered.samples[: looks[look]]]
                ends = partial(_ends, tallies, looks)
                found = unbiased(strata, looks[: look + 1], ends, partial(_mean_of, values))
                early, none = early + 1, none + (found is None)
            measured.append(float(values[: looks[look]].mean()) - level)
            fair.append(measured[-1] if found is None else float(found[0]) - level)
            if look < len(looks) - 1:
                off.append((measured[-1], fair[-1]))
        shown = (f"{early / runs:.0%}", f"{100 * np.mean(measured):+.2f}", f"{100 * np.mean(fair):+.2f}")
        errors = [f"{100 * error:.2f}" for error in np.sqrt(np.mean(np.square(off), axis=0))]
        none_of = f"{none / max(1, early):.0%}"
        yield (f"{truth.model}'s level, overall", f"{100 * truth.margin:+.0f}", *shown, none_of, *errors)


def futility(bench: Bench, runs: int = 100) -> Iterator[Row]:
    """Runs that stop when decided, beside those that also stop if a decision is less likely than 2 %."""
    yield ("gate", "truth minus limit", "PASS", "FAIL", "asked", "with futility: PASS", "FAIL", "asked")
    orders, looks = _orders(bench), looks_of(len(bench.samples))
    for truth in (one for one in TRUTHS if one.kind == "drop" and -0.02 <= one.margin <= 0.02):
        draw, cells = np.random.default_rng(11), []
        made = [_tallies(orders[number % ORDERS], truth, draw)[0] for number in range(runs)]
        for least in (None, 0.02):
            ended = [_settle(tallies, looks, least) for tallies in made]
            words, asked = [word for word, _ in ended], [looks[look] / looks[-1] for _, look in ended]
            cells += [f"{100 * words.count(word) / runs:.1f} %" for word in ("PASS", "FAIL")] + [
                f"{np.mean(asked):.0%}"
            ]
        yield (f"baseline -{100 * truth.limit:.1f}, overall", f"{100 * truth.margin:+.0f}", *cells)


def _ends(tallies: Sequence[Tally], looks: tuple[int, ...], order: NDArray[np.intp], look: int) -> bool:
    found = statuses([one.tails(order) for one in tallies], _level(looks, look))
    return "missed" in found or all(status == "met" for status in found)


def _mean_of(values: Floats, order: NDArray[np.intp]) -> Floats:
    return np.array([values[order].mean()])


JUDGES = (
    ((0.9, 0.9), (0.9, 0.9)),
    ((0.9, 0.9), (0.85, 0.95)),
    ((0.9, 0.9), (0.95, 0.85)),
    ((0.98, 0.98), (0.96, 0.98)),
)
"""Sensitivity and specificity on the baseline's answers and on the new model's; the third judge is lenient with it."""


def people(bench: Bench, runs: int = 1000) -> Iterator[Row]:
    """A true drop at the margin of 2 points, 21 % of answers changing, corrected by ratings of some pairs."""
    yield ("judge", "pairs rated", "standard error", "true spread", "95 % interval holds", "wrong PASS", "by the judge")
    size, margin, draw = len(bench.samples), 0.02, np.random.default_rng(7)
    alone = np.arange(size)
    for before, after in JUDGES:
        for labelled in (100, 400, 1000, 2000):
            means, errors, held, passed, believed = [], [], 0, 0, 0
            for _ in range(runs):
                first = draw.random(size) < 0.5
                chance = draw.random(size)
                second = np.where(first, chance >= 0.23, chance < 0.19)
                judged = _judged(second, after, draw) - _judged(first, before, draw)
                rated = np.full(size, np.nan)
                at = draw.choice(size, labelled, replace=False)
                rated[at] = second[at].astype(float) - first[at]
                found = corrected(judged, rated, np.full(size, labelled / size), alone, -1.0)
                assert found is not None
                low, high = found.interval(ERROR)
                held, passed = held + (low <= -margin <= high), passed + (found.tails(-margin).above <= ERROR)
                believed += difference_test(judged, alone, -margin).above <= ERROR
                means.append(found.mean)
                errors.append(found.error)
            shown = [f"{100 * value:.2f}" for value in (np.mean(errors), np.std(means))]
            shown += [f"{100 * value / runs:.1f} %" for value in (held, passed, believed)]
            yield (f"{before[0]}/{before[1]} – {after[0]}/{after[1]}", str(labelled), *shown)


def _judged(right: NDArray[np.bool_], rates: tuple[float, float], draw: np.random.Generator) -> Floats:
    chance = draw.random(len(right))
    return np.where(right, chance < rates[0], chance >= rates[1]).astype(float)


TABLES: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    function.__name__: function
    for function in (
        intervals,
        differences,
        strata,
        floors,
        few,
        unchanged,
        missed,
        attempts,
        worsening,
        stopping,
        futility,
        optimism,
        people,
    )
}


def main() -> None:
    """Prints the tables as Markdown."""
    bench = bench_of(read_samples(os.environ.get("MME_EMOTION_DATA") or str(ANNOTATIONS)).samples)
    for name in sys.argv[1:] or TABLES:
        print(f"\n{TABLES[name].__doc__}\n")
        for number, row in enumerate(TABLES[name](bench)):
            print(f"| {' | '.join(row)} |", flush=True)
            if number == 0:
                print("|---" * len(row) + "|")


if __name__ == "__main__":
    main()
