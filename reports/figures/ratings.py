"""CSV sheets of ratings by people: written, read and compared with the judge, for `mme-emotion judge`.

    id,step,text,targets,rater1,rater2
    ER-Wild/MELD/dia279_utt2,1,She raises her voice.,anger,1,0
    ER-Wild/MELD/dia279_utt2,2,The emotion is anger.,anger,1,

Steps are numbered from 1 and the last is the prediction. An empty cell means "not rated", and "?" that the person
cannot tell. Every further column is a rater, except these: `judge` holds the judge's ratings, so that no run is needed
for them; `run` the id of the run whose answer was rated, so that one sheet can have two runs; `inclusion` the
probability with which the sample was chosen to be rated.
"""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from statistics import mean
from typing import IO, TypeAlias

from benchmark.data.selection import SEED
from benchmark.errors import DataError, RunError
from benchmark.printed import printable
from benchmark.text import QUOTED, one_line, read_text
from reports.kept.record import RatedStep, Record
from reports.stats.agreement import alpha, icc, kappa, kendall, spearman

Place: TypeAlias = tuple[str, int]
"""A sample's id and the number of a step, from 1."""
Rated: TypeAlias = Mapping[Place, Fraction]
"""One rater's ratings, 0 to 1."""

PLACE, CONTEXT, JUDGE = ("id", "step"), ("text", "targets"), "judge"
RUN, INCLUSION, UNSURE = "run", "inclusion", "?"
OURS = (*PLACE, *CONTEXT, JUDGE, RUN, INCLUSION)
"""The columns that are no rater's."""
RATERS = ("rater1", "rater2")
_LABELS = 9
"""The largest denominator: a rating is a quotient by the number of true labels, and no sample has more."""
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""Characters that start a formula in a spreadsheet, full-width ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A filled sheet.

    Attributes:
        path: its file, for messages.
        humans: each person's ratings, by the name of the column.
        judge: the ratings in the column `judge`; None without that column.
        inclusion: the probability with which each sample was chosen, by its id; empty without that column.
        unsure: how many ratings are "?".
    """

    path: Path
    humans: Mapping[str, Rated]
    judge: Rated | None
    inclusion: Mapping[str, float] = field(default_factory=dict)
    unsure: int = 0

    def places(self) -> tuple[Place, ...]:
        """The steps that at least one person rated, sorted."""
        return tuple(sorted({place for rated in self.humans.values() for place in rated}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How well the judge agrees with people; each figure is at most 1, and None if undefined.

    Attributes:
        who: a person's column, or all people.
        rated: how many steps both sides rated.
        spearman: rank correlation of the ratings.
        kendall: Kendall's tau-b of the ratings.
        kappa: Cohen's kappa of the ratings as categories.
        icc: ICC(2,1) of the ratings.
    """

    who: str
    rated: int
    spearman: float | None
    kendall: float | None
    kappa: float | None
    icc: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The agreement of the judge with the people of a sheet, and of these people with each other.

    Attributes:
        together: the judge against all people: their mean, for kappa their majority.
        each: the judge against each person.
        alpha: Krippendorff's alpha among the people, interval level; None if undefined.
        shared: how many steps at least two people rated.
        missing: how many steps people rated and the judge did not; they count only for `alpha`.
    """

    together: Match
    each: tuple[Match, ...]
    alpha: float | None
    shared: int
    missing: int


def read_ratings(path: Path, run: str | None = None) -> Sheet:
    """The sheet in a CSV file, UTF-8 with or without a byte-order mark.

    A cell holds 1, 0, a quotient such as 2/3, a decimal from 0 to 1, "?", or nothing. A decimal of two digits or more
    that is a rounded quotient by up to nine labels counts as the quotient: 0.67 is 2/3.

    Args:
        path: the file.
        run: the id of the run whose rows are read; without it, or without a column `run`, all are.

    Raises:
        RunError: the file cannot be read, lacks a column, has a malformed cell or a step twice, or no person's rating;
            or it has rows of several runs and `run` names none of them.
    """
    rows = _rows(path)
    _, head = next(rows, (None, {}))
    if not head:
        raise RunError(f"{path} has no column names; its first line must be: {', '.join((*PLACE, *RATERS))}.")
    raters = [name for name in head if name not in OURS or name == JUDGE]
    rated: dict[str, dict[Place, Fraction]] = {name: {} for name in raters}
    inclusion: dict[str, float] = {}
    seen: set[tuple[str, Place]] = set()
    runs: set[str] = set()
    unsure = 0
    for where, cells in rows:
        place, of = _place(where, cells), cells.get(RUN, "")
        if (of, place) in seen:
            raise RunError(f"{where}: step {place[1]} of {one_line(place[0], QUOTED)} appears twice; keep one row.")
        seen.add((of, place))
        runs.add(of)
        ratings = {name: _rating(where, name, cells[name]) for name in raters if cells[name] not in ("", UNSURE)}
        if run is not None and RUN in head and of != run:
            continue
        unsure += sum(cells[name] == UNSURE for name in raters)
        for name, rating in ratings.items():
            rated[name][place] = rating
        if INCLUSION in head:
            inclusion[place[0]] = _inclusion(where, cells[INCLUSION])
    if run is None and len(runs) > 1:
        raise RunError(f"{path} has rows of {len(runs)} runs; name the one that is meant with --run-dir=RUN.")
    judge = rated.pop(JUDGE, None)
    if not any(rated.values()):
        of_run = " of this run" if run is not None and RUN in head else ""
        raise RunError(
            f"{path} has no rating{of_run} by a person; write 1, 0 or a quotient like 2/3 into a rater's column."
        )
    return Sheet(path=path, humans=rated, judge=judge, inclusion=inclusion, unsure=unsure)


def read_sheets(paths: Sequence[Path], run: str | None = None) -> Sheet:
    """The sheets of several people, or one that all of them filled, as one.

    Raises:
        RunError: as for `read_ratings`; or a person has rated a step twice, or a sample was chosen with two
            probabilities.
    """
    first, *others = (read_ratings(path, run) for path in paths)
    for other in others:
        for name, rated in other.humans.items():
            if both := rated.keys() & first.humans.get(name, {}).keys():
                name_of = one_line(min(both)[0], QUOTED)
                raise RunError(f"{other.path} and {first.path} both have a rating of {name_of} by {name}; keep one.")
        for sample in other.inclusion.keys() & first.inclusion.keys():
            if other.inclusion[sample] != first.inclusion[sample]:
                raise RunError(f"{other.path} gives {one_line(sample, QUOTED)} another inclusion than {first.path}.")
        names = first.humans.keys() | other.humans.keys()
        first = replace(
            first,
            humans={name: {**first.humans.get(name, {}), **other.humans.get(name, {})} for name in sorted(names)},
            inclusion={**first.inclusion, **other.inclusion},
            unsure=first.unsure + other.unsure,
        )
    return first


def _inclusion(where: str, written: str) -> float:
    try:
        value = float(written)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise RunError(
            f"{where}: column {INCLUSION} holds `{one_line(written, QUOTED)}`; write the probability with which the"
            " sample was chosen, above 0 and at most 1, as `mme-emotion rate` does."
        )
    return value


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each row that is not blank: its file and line, for messages, and its cells by column; the first is the head."""
    try:
        text = read_text(path)
    except DataError as error:
        raise RunError(f"{path} {error}.") from error
    reader, before = csv.reader(io.StringIO(text, newline=""), strict=True), 0
    columns: list[str] | None = None
    try:
        for row in reader:
            cells, where, before = [cell.strip() for cell in row], f"{path}, line {before + 1}", reader.line_num
            if not any(cells):
                continue
            if columns is None:
                columns = cells = _columns(where, cells)
            if len(cells) != len(columns):
                raise RunError(f"{where}: there are {len(cells)} cells; give one for each of {len(columns)} columns.")
            yield where, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise RunError(f"{path}, line {before + 1}: not valid CSV ({error}); save it as CSV with commas.") from error


def _columns(where: str, names: Sequence[str]) -> list[str]:
    """The names in the first row, our own in lower case.

    Raises:
        RunError: a name is missing, empty or used twice, or there is no rater.
    """
    columns = [name.casefold() if name.casefold() in OURS else name for name in names]
    if lacking := [name for name in PLACE if name not in columns]:
        raise RunError(f"{where}: column {lacking[0]} is missing; this line must name the columns, between commas.")
    if "" in columns:
        raise RunError(f"{where}: column {columns.index('') + 1} has no name; name it after its rater, or remove it.")
    name, times = Counter(name.casefold() for name in columns).most_common(1)[0]
    if times > 1:
        raise RunError(f"{where}: {times} columns are called {one_line(name, QUOTED)}; give each a different name.")
    if set(columns) <= set(OURS):
        raise RunError(f"{where}: there is no column of a person's ratings; add one, for example {RATERS[0]}.")
    return columns


def _place(where: str, cells: Mapping[str, str]) -> Place:
    sample_id, step = on_one_line(cells["id"].removeprefix("'")), cells["step"]
    if not sample_id:
        raise RunError(f"{where}: column id is empty; write the id of the sample, as in the run's samples.jsonl.")
    if not re.fullmatch("[1-9][0-9]{0,5}", step):
        step = one_line(step, QUOTED)
        raise RunError(f"{where}: column step holds `{step}`; write the number of the step, 1 for the first.")
    return sample_id, int(step)


def _rating(where: str, column: str, written: str) -> Fraction:
    value = _parse_rating(written)
    if value is None or value > 1:
        raise RunError(
            f"{where}: column {column} holds `{one_line(written, QUOTED)}`; write 1, 0, a quotient like 2/3 or"
            " a decimal from 0 to 1, or ?, or leave the cell empty; if a spreadsheet makes dates of quotients, format"
            " the column as text."
        )
    return value


def _parse_rating(written: str) -> Fraction | None:
    if quotient := re.fullmatch(r"([0-9]{1,9})\s*/\s*([0-9]{1,9})", written):
        return Fraction(int(quotient[1]), int(quotient[2])) if int(quotient[2]) else None
    if not (decimal := re.fullmatch(r"[0-9]?\.([0-9]{1,18})|[0-9]", written)):
        return None
    value, digits = Fraction(written), len(decimal[1] or "")
    quotient_near = value.limit_denominator(_LABELS)
    # people round up or cut off, and for kappa 0.66 and 2/3 must be one category
    return quotient_near if digits > 1 and abs(quotient_near - value) < Fraction(1, 10**digits) else value


def judge_ratings(records: Iterable[Record]) -> Rated:
    """The ratings of a run's judge, with ids spelt as in a sheet; samples without a score have none."""
    return {
        (on_one_line(record.id), number): Fraction(step.rating)
        for record in records
        for number, step in enumerate(rated_steps(record), 1)
    }


def rated_steps(record: Record) -> tuple[RatedStep, ...]:
    """The steps of a sample, the last one included; none without a score."""
    return () if record.prediction is None else (*record.steps, record.prediction)


def agreement_of(sheet: Sheet, judge: Rated) -> Agreement:
    """How well a judge agrees with the people of a sheet.

    Each figure is over the steps that both sides rated. The rating of all people together is their mean; for kappa,
    which compares categories, it is their `majority`, so that of two people who differ the stricter one counts.

    Raises:
        RunError: the judge rated none of the steps that people rated.
    """
    places = sheet.places()
    common = [place for place in places if place in judge]
    if not common and sheet.judge is None:
        raise RunError(f"The run has none of the steps in {sheet.path}; name the run it was drawn from with --run-dir.")
    if not common:
        raise RunError(f"{sheet.path} has no step that a person and column judge both rate; fill judge, or remove it.")
    ratings = {place: [rated[place] for rated in sheet.humans.values() if place in rated] for place in places}
    means = {place: mean(ratings[place]) for place in common}
    majorities = {place: majority(ratings[place]) for place in common}
    table = [[float(rated[place]) if place in rated else None for place in places] for rated in sheet.humans.values()]
    return Agreement(
        together=_match("all, their mean", judge, means, majorities),
        each=tuple(_match(name, judge, rated, rated) for name, rated in sheet.humans.items()),
        alpha=alpha(table, level="interval"),
        shared=sum(len(values) > 1 for values in ratings.values()),
        missing=len(places) - len(common),
    )


def majority(ratings: Sequence[Fraction]) -> Fraction:
    """The most frequent rating; among several, the nearest to the mean of all; among two as near, the lower one."""
    counts, centre = Counter(ratings), mean(ratings)
    return min(counts, key=lambda value: (-counts[value], abs(value - centre), value))


def _match(who: str, judge: Rated, values: Rated, categories: Rated) -> Match:
    common = sorted(values.keys() & judge.keys())
    ours, theirs = ([float(rated[place]) for place in common] for rated in (judge, values))
    return Match(
        who=who,
        rated=len(common),
        spearman=spearman(ours, theirs),
        kendall=kendall(ours, theirs),
        kappa=kappa([judge[place] for place in common], [categories[place] for place in common]),
        icc=icc(list(zip(ours, theirs, strict=True))),
    )


def write_sheet(records: Iterable[Record], count: int, stream: IO[str]) -> int:
    """Writes a sheet for two people to fill in: a row for each step of some samples, without the judge's ratings.

    The samples are those with the lowest hashes of their ids, in that order: a smaller sheet is the beginning of a
    larger one, and a half-filled sheet rates a random half. A text that a spreadsheet would run as a formula gets an
    apostrophe in front (OWASP, CSV Injection).

    Args:
        records: the records of a run; those without a score have no steps and are not drawn.
        count: how many samples, 1 or more; all if there are fewer.
        stream: a text file opened with `newline=""`.

    Returns:
        The number of samples drawn.

    Raises:
        RunError: the count is below 1, or no record has a score.
    """
    scored = sorted((record for record in records if record.prediction), key=lambda record: _draw(record.id))
    if count < 1:
        raise RunError(f"The number of samples must be 1 or more, got {count}.")
    if not scored:
        raise RunError("The run has no sample with a score, so there are no steps to rate; name another run.")
    writer = csv.writer(stream)
    writer.writerow((*PLACE, *CONTEXT, *RATERS))
    for record in scored[:count]:
        targets = _inert(", ".join(record.targets))
        for number, step in enumerate(rated_steps(record), 1):
            writer.writerow((_inert(record.id), number, _inert(step.text), targets, *[""] * len(RATERS)))
    return min(count, len(scored))


def _draw(sample_id: str) -> bytes:
    return hashlib.sha256(f"{SEED}\nsheet\n{sample_id}".encode()).digest()


def on_one_line(text: str) -> str:
    """The text as a sheet has it: on one line, without control characters."""
    return " ".join(printable(text).split())


def _inert(text: str) -> str:
    """The text as a cell that no spreadsheet, terminal or log interprets as a command."""
    text = on_one_line(text)
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text
