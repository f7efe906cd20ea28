"""The progress of a run: a panel on a terminal, elsewhere a line every 30 seconds."""

import os
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import IO, TYPE_CHECKING

from benchmark.accounts.limits import Traffic
from benchmark.suite import OVERALL, Suite, is_within
from evaluators.measures import measures_of
from reports.kept.record import Record
from reports.wording import percent

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

LINE_EVERY_SECONDS = 30
SPENT = ("requests", "input_tokens", "output_tokens", "cost_usd")
SHARED = ("endpoints", "out")
"""Fields in which the processes see the same servers: their maximum counts, not their sum."""

RECENT = 200
"""Finished samples from which the speed is computed."""


class Progress:
    """The counts of a run so far."""

    def __init__(self, total: int, suite: Suite, clock: Callable[[], float] = time.monotonic) -> None:
        """Starts with no samples of `total`; `clock` returns seconds."""
        self._total, self._suite, self._clock = total, suite, clock
        self._headlines = {place: measures_of(member).headline for place, member in suite.places.items()}
        self._printed = clock()
        self._finished: deque[float] = deque([clock()], maxlen=RECENT)
        self._outcomes: Counter[str] = Counter()
        self._scored: defaultdict[str, list[Record]] = defaultdict(list)
        self._traffic: dict[str, Traffic] = {}
        self._spent: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, record: Record) -> None:
        """Counts a finished sample."""
        self._finished.append(self._clock())
        self._outcomes[record.outcome] += 1
        for role, spent in record.usage.items():
            for name in SPENT:
                self._spent[role][name] += getattr(spent, name) or 0
        if record.outcome != "error":
            self._scored[record.task].append(record)

    @property
    def retries(self) -> int:
        """The number of requests that were sent again, as far as the processes have reported."""
        return _sum(self._traffic.values()).retries

    def hear(self, process: str, traffic: Traffic) -> None:
        """Stores the latest counts of a process, which replace its earlier ones."""
        self._traffic[process] = traffic

    def forget(self, process: str) -> None:
        """Resets the requests in flight and the servers down of a process that has ended."""
        if process in self._traffic:
            self._traffic[process].in_flight = self._traffic[process].out = 0

    def is_due(self) -> bool:
        """Whether the next line is due; if so, the interval starts again."""
        due = self._clock() - self._printed >= LINE_EVERY_SECONDS
        if due:
            self._printed = self._clock()
        return due

    def line(self) -> str:
        """The progress in one line."""
        facts = self._facts()
        for place, measure in self._headlines.items():
            scored = [one for task, records in self._scored.items() if is_within(place, task) for one in records]
            name = measure.title if place == OVERALL else f"{place} {measure.title}"
            facts.append(f"{name} {percent(measure.value(scored))}")
        return ", ".join(facts)

    def panel(self) -> "Group":
        """The progress as tables by task and by role."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        titles = dict.fromkeys(measure.title for measure in self._headlines.values())
        table = Table(f"{', '.join(titles)} so far", box=None, header_style="dim")
        for task in self._scored:
            table.add_column(task, justify="right")
        table.add_row("in percent", *(percent(self._value(task)) for task in self._scored))
        roles = Table("Role", "Requests", "Tokens in", "Tokens out", "USD", box=None, header_style="dim")
        for role, spent in self._spent.items():
            if spent["requests"]:
                tokens = (f"{spent[name]:,}" for name in SPENT[:3])
                roles.add_row(role, *tokens, f"{spent['cost_usd']:.2f}" if spent["cost_usd"] else "–")
        return Group(Text(f"{self._suite.title}: {', '.join(self._facts())}", style="bold"), table, roles)

    def _value(self, task: str) -> float | None:
        """The headline of the task so far."""
        headline = next(measure for place, measure in self._headlines.items() if is_within(place, task))
        return headline.value(self._scored[task])

    def _facts(self) -> list[str]:
        done, traffic = sum(self._outcomes.values()), _sum(self._traffic.values())
        seconds = self._finished[-1] - self._finished[0]
        pace = (len(self._finished) - 1) / seconds if seconds > 0 else 0.0
        facts = [f"{done}/{self._total} samples", f"{pace:.1f}/s"]
        if self._outcomes["error"]:
            facts.append(f"{self._outcomes['error']} without a score")
        if traffic.requests:
            facts += [f"{traffic.in_flight} in flight", f"{traffic.retries} retries", f"{traffic.refusals} 429s"]
            facts.append(_cost(traffic))
        if traffic.out:
            facts.append(f"{traffic.out} of {traffic.endpoints} endpoints down")
        if pace:
            facts.append(f"{_span((self._total - done) / pace)} left")
        return facts


class Panel:
    """The live panel at the bottom of a terminal."""

    def __init__(self, progress: Progress, terminal: IO[str]) -> None:
        """Draws on a duplicate of the terminal, since pytest captures the original while a case runs."""
        self._progress, self._file = progress, os.fdopen(os.dup(terminal.fileno()), "w")
        self._live: Live | None = None

    def show(self) -> None:
        """Draws the panel, which then updates itself four times a second."""
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            console = Console(file=self._file, force_terminal=True)
            console.print()
            self._live = Live(
                get_renderable=self._progress.panel,
                console=console,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def hide(self) -> None:
        """Removes the panel, so that other output can be printed."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def close(self) -> None:
        """Removes the panel and closes its file."""
        self.hide()
        self._file.close()


def _sum(parts: Collection[Traffic]) -> Traffic:
    counts = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Traffic)}
    return Traffic(**{name: max(of, default=0) if name in SHARED else sum(of) for name, of in counts.items()})


def _cost(traffic: Traffic) -> str:
    known = f"{traffic.cost_usd:.2f} USD"
    if not traffic.unpriced:
        return known
    return f"more than {known}" if traffic.cost_usd else "cost unknown"


def _span(seconds: float) -> str:
    minutes, hours = round(seconds / 60), seconds / 3600
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes} min" if minutes < 100 else f"{hours:.1f} h"
