"""Passes on results: a sample's record from a worker to the controller, those of a run to files, page and CI."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.plugin import bench_of, cache_of, reader_of
from evaluators.outcome import Scored, Unscored
from reports.gate.gatekeeper import Gatekeeper
from reports.kept.folder import PAGE_FOLDER, RunFolder
from reports.kept.record import line_of
from reports.kept.report import Report
from reports.live.closing import RunState
from reports.options import ReportOptions
from reports.page.media import place_clips, place_frames
from reports.page.run_page import Contents, linked_to, write_run_page
from reports.stats.inference import ERROR
from reports.tables.results import tell_github, tell_junit, write_report, write_summary

REPORT_OPTIONS = pytest.StashKey[ReportOptions]()
RECORD = "mme_emotion_record"
"""The attribute of pytest's report that carries a record from an xdist worker to the controller, as JSON."""


def record_line(outcome: Scored | Unscored, config: pytest.Config) -> tuple[str, str | None]:
    """The record of a sample as JSON, and why it has no score, or None if it has one."""
    clip = outcome.sample.clip
    return line_of(outcome, None if clip is None else bench_of(config).dataset.place_of(clip))


def hand_over(
    config: pytest.Config, folder: RunFolder, state: RunState, report: Report, keeper: Gatekeeper | None
) -> None:
    """Writes the report to files, page, junit.xml and GitHub; `keeper` is that of a run with a gate.

    A failure is noted in the state, and everything else is still written.
    """
    records = state.sorted_records()
    counted, error = (keeper.counted(), keeper.error) if keeper else (records, ERROR)
    with state.failures.noted():
        tell_junit(report, config)
    with state.failures.noted():
        write_report(folder, report)
    with state.pages.noted():
        write_summary(folder, report, records)
    with state.pages.noted():
        contents = Contents(report=report, records=records, counted=counted, error=error, linked=linked_to(report))
        _make_page(config, folder.path, contents)
    with state.pages.noted():
        tell_github(report, records)


def _make_page(config: pytest.Config, folder: Path, contents: Contents) -> None:
    """Puts frames and, with `--report-media`, clips beside the page, then writes the page."""
    place = folder / PAGE_FOLDER
    if config.stash[REPORT_OPTIONS].report_media:
        clips = {sample.id: sample.clip for sample in bench_of(config).samples if sample.clip is not None}
        urls = place_clips(contents.records, place, clips, reader_of(config))
        contents = replace(contents, linked=replace(contents.linked, urls=urls))
    place_frames(contents.records, place, cache_of(config).media.find)
    write_run_page(folder, contents)
