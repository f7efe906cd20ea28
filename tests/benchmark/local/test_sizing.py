"""How many requests go into a batch."""

from hypothesis import given
from hypothesis import strategies as st

from benchmark.local.sizing import MARGIN, MOST, Sizer


def measure(sizer: Sizer, seconds: float, *, count: int | None = None, peak: int | None = None) -> None:
    sizer.measured(count=count or sizer.size, weight=100, length=200, steps=50, seconds=seconds, peak=peak)


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
    sizer.too_many(16)
    assert sizer.size == 8
    measure(sizer, 0.001)
    assert sizer.size == 8
    sizer.too_many(1)
    assert sizer.size == 1


@given(st.integers(1, 10**6), st.integers(1, 256), st.integers(1, 10**12))
def test_what_fits_is_what_the_measured_memory_allows(peak: int, count: int, room: int) -> None:
    sizer = Sizer(room=room, steps=50)
    assert sizer.fits(count, 100)  # nothing is known yet
    measure(sizer, 1.0, count=1, peak=peak)
    expected = count * (100 * 2 + 50) * (peak / 250) * MARGIN
    assert sizer.fits(count, 100) == (expected <= room)


def test_networks_on_one_device_share_its_room() -> None:
    sizer = Sizer(room=1000, steps=50, sharers=2)
    measure(sizer, 1.0, count=1, peak=250)  # a byte a token
    assert sizer.fits(1, 100)
    assert not sizer.fits(2, 100)


def test_a_device_that_tells_nothing_has_room() -> None:
    sizer = Sizer()
    measure(sizer, 1.0, peak=10**9)
    assert sizer.fits(256, 10**6)
