"""Findings about a checkpoint on this machine: what it takes, its size, whether it fits."""

from collections.abc import Iterable
from typing import Any

from benchmark.errors import RunError
from benchmark.local.checkpoint import Checkpoint, find_checkpoint
from benchmark.local.loading import check_architecture
from benchmark.local.placement import gigabytes
from benchmark.local.run import LocalRun, Site
from benchmark.local.settings import LocalSettings, parse_settings
from benchmark.storage.passing import passing_folder
from reports.doctor.endpoints import Finding


def local_findings(name: str, options: Iterable[tuple[str, Any]]) -> tuple[Finding, ...]:
    """The findings about `hf:NAME` with these `--model-option`s; downloads only its configuration, loads nothing."""
    try:
        settings = parse_settings(dict(options))
        checkpoint = find_checkpoint(name, settings)
        check_architecture(checkpoint, settings)
    except RunError as error:
        return (Finding("checkpoint", "problem", str(error)),)
    takes = ", ".join(sorted(checkpoint.modalities, reverse=True))
    kind = f"{checkpoint.architecture} in {checkpoint.folder}"
    if not takes:
        return (Finding("checkpoint", "problem", f"{kind}: it takes neither frames nor sound; choose another model"),)
    found = Finding("checkpoint", "ok", f"{kind}: it takes {takes}")
    return found, *_weights(checkpoint, settings)


def _weights(checkpoint: Checkpoint, settings: LocalSettings) -> tuple[Finding, ...]:
    """The size of the weights, and whether this machine's devices can hold them."""
    try:
        size = checkpoint.weigh(settings)
    except RunError as error:
        if checkpoint.commit is None:
            return (Finding("weights", "problem", str(error)),)
        return (Finding("weights", "missing", "not downloaded yet; the first run downloads them"),)
    weights = Finding("weights", "ok", f"{gigabytes(size)} when loaded")
    with passing_folder() as passing:
        run = LocalRun(Site(folder=passing))
        run.add(checkpoint, settings)
        try:
            run.check()
        except RunError as error:
            return weights, Finding("device", "problem", str(error))
    return weights, Finding("device", "ok", "; ".join(run.notes) or "fits into the memory of this machine")
