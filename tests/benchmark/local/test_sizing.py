"""How many requests go into a batch."""

from hypothesis import given
from hypothesis import strategies as st

from benchmark.local.sizing import MARGIN, MOST, Sizer


def measure(sizer: Sizer, seconds: float, *, count: int | None = None, peak: int | None = None) -> None:
    count = count or sizer.size
    sizer.measured(weight=100, length=200, counts=[50] * count, seconds=seconds, peak=peak)


def test_the_size_doubles_while_that_pays() -> None:
    sizer = Sizer()
    sizes = []
    for seconds in (1.0, 1.1, 9.0, 1.3, 2.0, 4.0, 4.0):  # 8 in 2.0 s are faster than 4 in 1.3 s; 16 in 4.0 s are not
        sizes.append(sizer.size)
        measure(sizer, seconds)
    assert sizes == [1, 2, 4, 4, 8, 16, 16]  # one slow batch of 4 is no reason
    assert sizer.size == 8
    measure(sizer, 0.001)
    assert sizer.size == 8


def test_it_ends_growing_at_the_most() -> None:
    sizer = Sizer()
    for _ in range(20):
        measure(sizer, 1.0)
    assert sizer.size == MOST


def test_a_batch_that_was_not_full_says_nothing_of_a_full_one() -> None:
    sizer = Sizer()
    measure(sizer, 1.0)
    measure(sizer, 1.0)
    assert sizer.size == 4
    measure(sizer, 100.0, count=1)
    assert sizer.size == 4


def test_the_users_size_stays() -> None:
    sizer = Sizer(fixed=12)
    for seconds in (1.0, 0.1, 100.0):
        measure(sizer, seconds)
    assert sizer.size == 12


def test_out_of_memory_halves_for_good() -> None:
    sizer = Sizer()
    for _ in range(4):
        measure(sizer, 1.0)
    sizer.too_many(16, 100)
    assert sizer.size == 8
    measure(sizer, 0.001)
    assert sizer.size == 8


def test_a_few_long_ones_that_were_too_many_say_nothing_of_short_ones() -> None:
    sizer = Sizer(fixed=64)
    sizer.too_many(2, 10_000)
    assert sizer.size == 64
    assert sizer.fits(64, 100)
    assert sizer.fits(1, 10_000)
    assert not sizer.fits(2, 10_000)


@given(st.integers(2, 256), st.floats(1, 10**5))
def test_what_was_too_many_gets_fewer_until_it_is_one(count: int, weight: float) -> None:
    sizer = Sizer(fixed=256)
    while count > 1:
        sizer.too_many(count, weight)
        fewer = max(one for one in range(1, count + 1) if one == 1 or (one <= sizer.size and sizer.fits(one, weight)))
        assert fewer < count
        count = fewer


@given(st.integers(1, 10**6), st.integers(1, 256), st.integers(1, 10**12))
def test_what_fits_is_what_the_measured_memory_allows(peak: int, count: int, room: int) -> None:
    sizer = Sizer(room=room, steps=50)
    assert sizer.fits(count, 100)  # nothing is known yet
    measure(sizer, 1.0, count=1, peak=peak)
    expected = count * (100 * 2 + 50) * (peak / 250) * MARGIN
    assert sizer.fits(count, 100) == (expected <= room)


def test_a_device_that_tells_nothing_has_room() -> None:
    sizer = Sizer()
    measure(sizer, 1.0, peak=10**9)
    assert sizer.fits(256, 10**6)
