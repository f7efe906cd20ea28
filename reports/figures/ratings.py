"""Sheets of ratings by people, for `mme-emotion judge agree`.

    id,step,text,targets,rater1,rater2
    ER-Wild/MELD/dia279_utt2,1,She raises her voice.,anger,1,0
    ER-Wild/MELD/dia279_utt2,2,The emotion is anger.,anger,1,

Steps are numbered from 1 and the last is the prediction. An empty cell is not rated. Further columns are raters, but
for `judge`, which holds the judge's ratings where no run is to be asked for them.
"""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
"""A sample's id and the number of a step, from 1 on."""
Rated: TypeAlias = Mapping[Place, Fraction]
"""One rater's ratings, 0 to 1."""

PLACE, TOLD, JUDGE = ("id", "step"), ("text", "targets"), "judge"
RATERS = ("rater1", "rater2")
_LABELS = 9
"""More true labels than any sample has; a rating is a quotient by their number."""
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet takes for the start of a formula, full-width signs included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A filled sheet.

    Attributes:
        path: its file, for messages.
        humans: the ratings of each person, by the column's name.
        judge: the column `judge`; None where there is none.
    """

    path: Path
    humans: Mapping[str, Rated]
    judge: Rated | None

    def places(self) -> tuple[Place, ...]:
        """What at least one person rated, in order."""
        return tuple(sorted({place for rated in self.humans.values() for place in rated}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How well the judge agrees with people; each figure is None where it is undefined.

    Attributes:
        who: a person's column, or all.
        rated: how many steps both rated.
        spearman: of the ratings; so Kendall's tau-b.
        kappa: of the ratings as categories.
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
    """What a sheet tells of the judge.

    Attributes:
        together: the judge and all people: their mean, and for kappa their majority.
        each: the judge and each person.
        alpha: Krippendorff's alpha of the people among themselves, interval level; None where it is undefined.
        shared: how many steps at least two people rated.
        missing: how many steps people rated that have no rating of the judge; they count for `alpha` alone.
    """

    together: Match
    each: tuple[Match, ...]
    alpha: float | None
    shared: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A row of a sheet: where it stands, for messages, and its cells by column."""

    where: str
    cells: Mapping[str, str]


def read_ratings(path: Path) -> Sheet:
    """The sheet in a CSV file, UTF-8 with or without a byte-order mark.

    A cell holds 1, 0, a quotient such as 2/3, a decimal from 0 to 1, or nothing. A decimal of two digits or more that
    is a rounded quotient by up to nine labels is taken for the quotient: 0.67 is 2/3.

    Raises:
        RunError: the file cannot be read, lacks a column, has a malformed cell or a step twice, or no person's rating.
    """
    lines = _lines(path)
    head = next(lines, None)
    if head is None:
        raise RunError(f"{path} names no columns; its first line must: {', '.join((*PLACE, *RATERS))}.")
    raters = [name for name in head.cells if name not in (*PLACE, *TOLD)]
    rated: dict[str, dict[Place, Fraction]] = {name: {} for name in raters}
    seen: set[Place] = set()
    for line in lines:
        place = _place(line)
        if place in seen:
            raise RunError(
                f"{line.where}: step {place[1]} of {one_line(place[0], QUOTED)} stands there twice; keep one row of it."
            )
        seen.add(place)
        for name in raters:
            if line.cells[name]:
                rated[name][place] = _rating(line, name)
    judge = rated.pop(JUDGE, None)
    if not any(rated.values()):
        raise RunError(f"{path} holds no rating by a person; write 1, 0 or a quotient like 2/3 into a rater's column.")
    return Sheet(path=path, humans=rated, judge=judge)


def _lines(path: Path) -> Iterator[_Line]:
    """The head, its names standing for themselves, and then every row that is not blank."""
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
            yield _Line(where=where, cells=dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise RunError(f"{path}, line {before + 1}: it is no CSV ({error}); save it as CSV with commas.") from error


def _columns(where: str, names: Sequence[str]) -> list[str]:
    own = (*PLACE, *TOLD, JUDGE)
    columns = [name.casefold() if name.casefold() in own else name for name in names]
    if lacking := [name for name in PLACE if name not in columns]:
        raise RunError(f"{where}: the column {lacking[0]} is lacking; the first line names columns, between commas.")
    if "" in columns:
        raise RunError(f"{where}: column {columns.index('') + 1} has no name; name it after its rater, or remove it.")
    name, times = Counter(name.casefold() for name in columns).most_common(1)[0]
    if times > 1:
        raise RunError(
            f"{where}: {times} columns are called {one_line(name, QUOTED)}; give each rater a name of their own."
        )
    if set(columns) <= set(own):
        raise RunError(f"{where}: there is no column of a person's ratings; add one, for example {RATERS[0]}.")
    return columns


def _place(line: _Line) -> Place:
    sample_id, step = _on_one_line(line.cells["id"].removeprefix("'")), line.cells["step"]
    if not sample_id:
        raise RunError(f"{line.where}: column id is empty; write the id of the sample, as in the run's samples.jsonl.")
    if not re.fullmatch("[1-9][0-9]{0,5}", step):
        step = one_line(step, QUOTED)
        raise RunError(f"{line.where}: column step holds `{step}`; write the number of the step, 1 for the first.")
    return sample_id, int(step)


def _rating(line: _Line, column: str) -> Fraction:
    value = _value(line.cells[column])
    if value is None or value > 1:
        allowed = "1, 0, a quotient like 2/3 or a decimal from 0 to 1, or leave the cell empty"
        dates = "format the column as text where a spreadsheet makes dates of quotients"
        raise RunError(
            f"{line.where}: column {column} holds `{one_line(line.cells[column], QUOTED)}`; write {allowed}; {dates}."
        )
    return value


def _value(written: str) -> Fraction | None:
    if quotient := re.fullmatch(r"([0-9]{1,9})\s*/\s*([0-9]{1,9})", written):
        return Fraction(int(quotient[1]), int(quotient[2])) if int(quotient[2]) else None
    if not (decimal := re.fullmatch(r"[0-9]?\.([0-9]{1,18})|[0-9]", written)):
        return None
    value, digits = Fraction(written), len(decimal[1] or "")
    quotient_near = value.limit_denominator(_LABELS)
    # people round up and down or cut off, and kappa must not call 0.66 and 2/3 two categories
    return quotient_near if digits > 1 and abs(quotient_near - value) < Fraction(1, 10**digits) else value


def judge_ratings(records: Iterable[Record]) -> Rated:
    """The ratings of a run's judge, by ids as a sheet has them; samples without a score have none."""
    return {
        (_on_one_line(record.id), number): Fraction(step.rating)
        for record in records
        for number, step in enumerate(_rated_steps(record), 1)
    }


def _rated_steps(record: Record) -> tuple[RatedStep, ...]:
    return () if record.prediction is None else (*record.steps, record.prediction)


def agreement_of(sheet: Sheet, judge: Rated) -> Agreement:
    """How well a judge agrees with the people of a sheet.

    Each figure is over the steps that both sides rated. People's common rating of a step is the mean of theirs; as a
    category, for kappa, it is their majority's: the most frequent value, of several the nearest to the mean, and of two
    as near the lower, so that of two people who differ the stricter one counts.

    Raises:
        RunError: the judge rated none of the steps that people rated.
    """
    places = sheet.places()
    common = [place for place in places if place in judge]
    if not common:
        raise RunError(_nothing_common(sheet))
    ratings = {place: [rated[place] for rated in sheet.humans.values() if place in rated] for place in places}
    means = {place: mean(ratings[place]) for place in common}
    majorities = {place: majority(ratings[place]) for place in common}
    table = [[_float(rated.get(place)) for place in places] for rated in sheet.humans.values()]
    return Agreement(
        together=_match("all, their mean", judge, means, majorities),
        each=tuple(_match(name, judge, rated, rated) for name, rated in sheet.humans.items()),
        alpha=alpha(table, level="interval"),
        shared=sum(len(values) > 1 for values in ratings.values()),
        missing=len(places) - len(common),
    )


def _nothing_common(sheet: Sheet) -> str:
    if sheet.judge is not None:
        return f"{sheet.path} has no step that a person and its column judge both rate; fill judge, or remove it."
    return f"The run has none of the steps that {sheet.path} rates; name the run that it was drawn from with --run."


def majority(ratings: Sequence[Fraction]) -> Fraction:
    """The most frequent rating; of several the nearest to the mean of all, and of two as near the lower."""
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


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def write_sheet(records: Iterable[Record], count: int, stream: IO[str]) -> int:
    """A sheet for two people to fill: a row for each step of some samples, without what the judge thought of it.

    The samples are those with the lowest hashes of their ids, in that order, so a smaller sheet is the beginning of a
    larger one, and who stops half way has rated a random half. A text that a spreadsheet would run as a formula gets an
    apostrophe in front (OWASP, CSV Injection).

    Args:
        records: of a run; those without a score have no steps to rate and are not drawn.
        count: how many samples, 1 or more; all where there are fewer.
        stream: a text file opened with `newline=""`.

    Returns:
        How many samples were drawn.

    Raises:
        RunError: the count is below 1, or no record has a score.
    """
    scored = sorted((record for record in records if record.prediction), key=lambda record: _draw(record.id))
    if count < 1:
        raise RunError(f"A sheet of {count} samples is empty: give 1 or more.")
    if not scored:
        raise RunError("The run has no sample with a score, and so no step to rate.")
    writer = csv.writer(stream)
    writer.writerow((*PLACE, *TOLD, *RATERS))
    for record in scored[:count]:
        targets = _inert(", ".join(record.targets))
        for number, step in enumerate(_rated_steps(record), 1):
            writer.writerow((_inert(record.id), number, _inert(step.text), targets, *[""] * len(RATERS)))
    return min(count, len(scored))


def _draw(sample_id: str) -> bytes:
    return hashlib.sha256(f"{SEED}\nsheet\n{sample_id}".encode()).digest()


def _on_one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _inert(text: str) -> str:
    """A cell that no spreadsheet runs, no terminal obeys and no log takes for a command, even at a line's start."""
    text = _on_one_line(text)
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text
