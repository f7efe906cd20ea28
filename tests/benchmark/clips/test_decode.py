from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmark.clips.pace import Pace


@given(
    gaps=st.lists(st.integers(1, 3000), max_size=40),
    final=st.integers(0, 2000),
    fps=st.sampled_from([0.1, 0.5, 1.0, 2.5, 30.0]),
    most=st.integers(1, 20),
)
def test_the_pace_takes_what_is_on_display(gaps: list[int], final: int, fps: float, most: int) -> None:
    times = [Fraction(sum(gaps[:n]), 1000) for n in range(len(gaps) + 1)]
    end = times[-1] + Fraction(final, 1000)
    chosen = Pace(fps=fps, most=most).choose(times, end)
    assert chosen[0] == 0
    assert len(chosen) <= most
    assert all(one < other for one, other in pairwise(chosen))
    due = {n: n / Fraction(str(fps)) for n in range(most) if n == 0 or n / Fraction(str(fps)) < end}
    assert set(chosen) == {max(i for i, time in enumerate(times) if time <= moment) for moment in due.values()}
