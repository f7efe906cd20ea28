import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import NotKept, RunError
from benchmark.storage.cache import Cache, Media, key_of


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with closing(Cache(tmp_path)) as opened:
        yield opened


async def keep(cache: Cache, count: int) -> None:
    await asyncio.gather(*(cache.keep(f"reply:{number}", str(number).encode()) for number in range(count)))


def test_what_waits_to_be_written_is_written_whoever_is_called_off(cache: Cache) -> None:
    """The writing is held up by another process, and the only one who waits for it is called off."""

    async def call_off() -> None:
        task = asyncio.create_task(cache.keep("reply:1", b"paid for"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asyncio.run(call_off())
        assert cache.get("reply:1") is None
        other.execute("ROLLBACK")
    cache.close()
    with closing(Cache(cache.path.parent)) as again:
        assert again.get("reply:1") == b"paid for"


def test_what_many_keep_at_once_is_all_there(cache: Cache, tmp_path: Path) -> None:
    for _ in range(2):  # in one loop, then in another
        asyncio.run(keep(cache, 300))
    with closing(Cache(tmp_path)) as other:
        assert [other.get(f"reply:{number}") for number in range(300)] == [str(n).encode() for n in range(300)]
        assert other.counts() == {"reply": 300, "clip": 0, "wave": 0, "file": 0}


def test_what_is_called_off_in_the_last_moment_is_kept(tmp_path: Path) -> None:
    async def called_off(cache: Cache) -> None:
        tasks = [asyncio.create_task(cache.keep(f"reply:{number}", b"paid for")) for number in range(50)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with closing(Cache(tmp_path)) as cache:
        asyncio.run(called_off(cache))
    with closing(Cache(tmp_path)) as cache:
        assert cache.counts()["reply"] == 50


def test_whoever_shares_a_write_that_fails_hears_of_it(cache: Cache) -> None:
    with closing(sqlite3.connect(cache.path)) as other:
        other.execute("CREATE TRIGGER no BEFORE INSERT ON kept BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")

        async def keep_all() -> list[object]:
            return await asyncio.gather(*(cache.keep(str(n), b"") for n in range(20)), return_exceptions=True)

        failures = asyncio.run(keep_all())
        assert all(isinstance(failure, RunError) and "the disk is full" in str(failure) for failure in failures)
        other.execute("DROP TRIGGER no")
    asyncio.run(keep(cache, 3))
    assert cache.get("reply:2") == b"2"


def test_it_forgets_everything_when_told_to(cache: Cache) -> None:
    cache.put("reply:1", b"1")
    cache.media.write("ab" * 32, b"picture")
    cache.clear()
    assert cache.get("reply:1") is None
    assert cache.media.size() == (0, 0)


def key(number: int) -> str:
    return f"{number:064x}"


def used(media: Media, number: int, when: int) -> None:
    path = media.find(key(number))
    assert path is not None
    os.utime(path, (when, when))


def test_what_was_used_least_recently_makes_room(tmp_path: Path) -> None:
    media = Media(tmp_path, limit=1000)
    for number in range(9):
        media.write(key(number), bytes(100))
        used(media, number, when=number)
    assert media.read(key(0)) == bytes(100), "reading counts as use"
    media.write(key(9), bytes(101))
    kept = [number for number in range(10) if media.read(key(number)) is not None]
    assert 0 in kept
    assert 9 in kept
    assert 1 not in kept
    assert media.size()[1] <= 900


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400)), max_size=40), st.integers(0, 1500))
def test_it_never_outgrows_its_limit(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int]], limit: int
) -> None:
    media = Media(tmp_path_factory.mktemp("media"), limit)
    for number, size in writes:
        media.write(key(number), bytes(size))
        assert media.size()[1] <= limit


def test_what_another_process_has_removed_is_not_there(tmp_path: Path) -> None:
    one, other = Media(tmp_path, 1000), Media(tmp_path, 1000)
    one.write(key(1), b"picture")
    assert other.prune(0) == 7
    assert (one.read(key(1)), one.find(key(1))) == (None, None)
    assert one.prune(0) == 0


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    media = Media(tmp_path, 1000)
    (tmp_path / key(1)[:2]).write_text("in the way")
    with pytest.raises(NotKept, match=r"The cache .* cannot be written \("):
        media.write(key(1), b"picture")


def test_what_cannot_be_read_or_removed_is_no_matter_of_a_full_disk(tmp_path: Path) -> None:
    """A run goes on without what cannot be kept, but not with a folder that it cannot read."""
    media = Media(tmp_path, 1000)
    (tmp_path / key(1)[:2] / key(1)).mkdir(parents=True)
    with pytest.raises(RunError, match=r"cannot be read \(Is a directory\)") as caught:
        media.read(key(1))
    assert not isinstance(caught.value, NotKept)


def test_only_as_much_is_removed_as_must_be_the_longest_unused_first(tmp_path: Path) -> None:
    media = Media(tmp_path, limit=1000)
    for number in range(5):
        media.write(key(number), bytes(100))
        used(media, number, when=9 - number)
    assert media.prune(500) == 0
    assert media.prune(499) == 100
    assert media.prune(250) == 200
    assert [number for number in range(5) if media.find(key(number))] == [0, 1]
    media.write(key(5), bytes(800))
    assert media.size() == (3, 1000), "what was removed takes no room any more"


def test_a_folder_that_is_found_full_makes_room_at_once(tmp_path: Path) -> None:
    Media(tmp_path, limit=2000).write(key(1), bytes(1000))
    media = Media(tmp_path, limit=1000)
    used(media, 1, when=0)
    media.write(key(2), bytes(1))
    assert media.size() == (1, 1)


def test_what_vanishes_while_it_is_counted_leaves_the_rest(tmp_path: Path) -> None:
    media = Media(tmp_path, limit=1000)
    for number in range(20):
        media.write(key(number), bytes(10))
        (tmp_path / key(number)[:2] / f"gone {number}").symlink_to("nowhere")
    assert media.size() == (20, 200)


def test_two_who_make_room_at_once_do_not_stumble_over_each_other(tmp_path: Path) -> None:
    both, start = [Media(tmp_path, 10**6) for _ in range(2)], Barrier(2)
    for number in range(300):
        both[0].write(key(number), b"picture")

    def prune(media: Media) -> int:
        start.wait(5)
        return media.prune(0)

    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(prune, both))) == 2, "neither has failed"
    assert both[0].size() == (0, 0)


def test_who_opens_a_file_that_another_process_is_about_to_write_waits_for_it(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cache.sqlite", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        Timer(0.01, other.execute, ("ROLLBACK",)).start()
        with closing(Cache(tmp_path)) as opened:
            opened.put("reply:1", b"1")
            assert opened.get("reply:1") == b"1"


def test_a_file_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite-journal").mkdir()
    started = time.monotonic()
    with pytest.raises(RunError, match=r"cache\.sqlite cannot be used \(.+\); choose another --cache DIR"):
        Cache(tmp_path)
    assert time.monotonic() - started < 3


def test_replies_take_little_more_room_than_they_are_long(tmp_path: Path) -> None:
    cache, value = Cache(tmp_path), bytes(1500)
    for number in range(300):
        cache.put(f"reply:{key_of(str(number))}", value)
    cache.close()
    assert cache.path.stat().st_size < 1.6 * 300 * len(value)


def test_a_file_of_an_older_version_goes_on(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cache.sqlite")) as older:
        older.execute("CREATE TABLE kept (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        older.execute("INSERT INTO kept VALUES ('reply:old', ?)", (b"once",))
        older.commit()
    with closing(Cache(tmp_path)) as cache:
        cache.put("reply:new", b"now")
        assert (cache.get("reply:old"), cache.get("reply:new")) == (b"once", b"now")
        assert cache.counts()["reply"] == 2


def test_what_is_kept_last_counts(cache: Cache) -> None:
    cache.put("reply:1", b"old")
    cache.put("reply:1", b"new")
    assert cache.get("reply:1") == b"new"


def test_values_are_those_of_one_kind(cache: Cache) -> None:
    for name in ("clip:1", "reply:1", "reply:2", "replying:1", "wave:1"):
        cache.put(name, name.encode())
    assert sorted(cache.values("reply")) == [b"reply:1", b"reply:2"]


def test_no_part_of_a_key_runs_into_the_next() -> None:
    keys = [key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("abc", ""), key_of("", "abc")]
    assert len(set(keys)) == len(keys)
    assert key_of("ab", "c") == key_of(b"ab", "c")


def test_a_folder_may_be_full_and_goes_a_tenth_below_its_limit_when_it_is_passed(tmp_path: Path) -> None:
    media = Media(tmp_path, limit=1000)
    for number in range(10):
        media.write(key(number), bytes(100))
    assert media.size() == (10, 1000)
    media.write(key(10), bytes(100))
    assert media.size() == (9, 900)


def test_twenty_gigabytes_are_kept_as_the_readme_says(tmp_path: Path) -> None:
    with closing(Cache(tmp_path)) as opened:
        assert opened.media.limit == 20_000_000_000
