"""`mme-emotion worker`: serves a model that has code of its own."""

import argparse
import sys
from pathlib import Path

from benchmark.worker import worker
from reports.commands.parser import Commands


def add_worker(commands: Commands) -> None:
    """Declares `worker`."""
    parser = commands.add_parser("worker", help="serve a model that has code of its own, through a shim of a few lines")
    worker.add_options(parser)
    parser.add_argument(
        "--print", action="store_true", help="print the worker as one file, which needs only Python 3.8"
    )
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    if asked.print:
        sys.stdout.write(Path(worker.__file__).read_text("utf-8"))
        return 0
    return worker.serve(asked)
