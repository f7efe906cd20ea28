"""The ffmpeg program's run, here that of programs which are everywhere."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmark.clips.rescue import end_rescues, run_ffmpeg


def test_what_complains_has_run_to_its_end() -> None:
    run_ffmpeg(["false"])


def test_what_is_killed_has_not() -> None:
    with pytest.raises(ValueError, match="was killed"):
        run_ffmpeg(["sh", "-c", "kill -9 $$"])


def test_a_run_that_is_over_waits_for_none() -> None:
    with ThreadPoolExecutor(1) as pool:
        rescue = pool.submit(run_ffmpeg, ["sleep", "60"])
        while not rescue.done():
            end_rescues()
    assert isinstance(rescue.exception(), ValueError)
