import io
from fractions import Fraction

from rich.console import Console

from benchmark.accounts.limits import Traffic
from benchmark.suite import find_suite
from evaluators.outcome import Unscored
from reports.kept.record import record_of
from reports.live.progress import Progress
from tests.reports.outcomes import sample, scored

SCORED = scored(sample(), Fraction(1), Fraction(1))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def begun(total: int = 100) -> tuple[Progress, Clock]:
    clock = Clock()
    return Progress(total, find_suite(), clock), clock


def test_a_line_tells_pace_rest_and_result() -> None:
    progress, clock = begun()
    for second in range(1, 11):
        clock.now = second / 2
        progress.add(record_of(SCORED))
    assert progress.line() == "10/100 samples, 2.0/s, 45 s left, Recognition 100.0"


def test_nothing_is_known_at_the_start() -> None:
    assert begun()[0].line() == "0/100 samples, 0.0/s, Recognition –"


def test_requests_of_all_processes_are_summed() -> None:
    progress, _ = begun()
    progress.hear("gw0", Traffic(in_flight=3, requests=10, retries=2, refusals=1, cost_usd=0.25))
    progress.hear("gw1", Traffic(in_flight=4, requests=10, cost_usd=0.5))
    assert "7 in flight, 2 retries, 1 429s, 0.75 USD" in progress.line()
    progress.forget("gw1")
    assert "3 in flight, 2 retries, 1 429s, 0.75 USD" in progress.line()
    progress.hear("gw1", Traffic(requests=10, cost_usd=0.5, unpriced=1))
    assert "more than 0.75 USD" in progress.line()


def test_what_has_no_score_is_told() -> None:
    progress, clock = begun(3)
    clock.now = 1
    progress.add(record_of(Unscored(sample=sample(), stage="model", error="It is gone.")))
    assert progress.line() == "1/3 samples, 1.0/s, 1 without a score, 2 s left, Recognition –"


def test_the_panel_shows_each_task() -> None:
    progress, clock = begun()
    clock.now = 1
    progress.add(record_of(SCORED))
    console = Console(file=io.StringIO(), width=200)
    console.print(progress.panel())
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1/100 samples" in drawn
    assert record_of(SCORED).task in drawn
    assert "100.0" in drawn


def test_a_line_is_due_now_and_then() -> None:
    progress, clock = begun()
    clock.now = 29
    assert not progress.is_due()
    clock.now = 30  # twice a minute, as the README says
    assert progress.is_due()
    assert not progress.is_due()


def test_endpoints_that_are_down_are_told_once_however_many_processes_see_it() -> None:
    progress, _ = begun()
    progress.hear("gw0", Traffic(endpoints=3, out=1))
    progress.hear("gw1", Traffic(endpoints=3, out=1))
    assert "1 of 3 endpoints down" in progress.line()
    progress.hear("gw1", Traffic(endpoints=3, out=2))
    assert "2 of 3 endpoints down" in progress.line()
    progress.forget("gw1")
    assert "1 of 3 endpoints down" in progress.line()
    progress.hear("gw0", Traffic(endpoints=3))
    assert "endpoints" not in progress.line()
