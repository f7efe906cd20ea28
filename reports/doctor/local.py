"""What is found of a checkpoint on this machine: what it takes, what it weighs, whether it fits."""

from collections.abc import Iterable
from typing import Any

from benchmark.errors import RunError
from benchmark.local.checkpoint import Checkpoint, find_checkpoint
from benchmark.local.loading import check_architecture
from benchmark.local.placement import gigabytes
from benchmark.local.run import LocalRun, Site
from benchmark.local.settings import LocalSettings, parse_settings
from benchmark.storage.passing import passing_folder
from reports.doctor.doctor import Finding


def local_findings(name: str, options: Iterable[tuple[str, Any]]) -> tuple[Finding, ...]:
    """All that is to be said of `hf:NAME`; nothing but its configuration is fetched, and nothing is loaded."""
    try:
        settings = parse_settings(dict(options))
        checkpoint = find_checkpoint(name, settings)
        check_architecture(checkpoint, settings)
    except RunError as error:
        return (Finding(name="checkpoint", state="problem", text=str(error)),)
    takes = ", ".join(sorted(checkpoint.modalities, reverse=True))
    kind = f"{checkpoint.architecture} in {checkpoint.folder}"
    if not takes:
        return (Finding(name="checkpoint", state="problem", text=f"{kind}: it takes neither frames nor sound"),)
    found = Finding(name="checkpoint", state="ok", text=f"{kind}: it takes {takes}")
    return found, *_weights(checkpoint, settings)


def _weights(checkpoint: Checkpoint, settings: LocalSettings) -> tuple[Finding, ...]:
    try:
        size = checkpoint.weigh(settings)
    except RunError as error:
        if checkpoint.commit is None:
            return (Finding(name="weights", state="problem", text=str(error)),)
        return (Finding(name="weights", state="missing", text="not here yet; the first run fetches them"),)
    weights = Finding(name="weights", state="ok", text=f"{gigabytes(size)} once they are loaded")
    with passing_folder() as passing:
        run = LocalRun(Site(folder=passing))
        run.add(checkpoint, settings)
        try:
            run.check()
        except RunError as error:
            return weights, Finding(name="device", state="problem", text=str(error))
    return weights, Finding(name="device", state="ok", text="; ".join(run.notes) or "fits into this machine's memory")
