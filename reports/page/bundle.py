"""Builds a page: one HTML file with its scripts and styles, and the records in scripts beside it.

Data are deflated JSON in Base64, an alphabet that cannot end a script or an attribute, whatever a model has answered. A
content security policy forbids all other scripts, all requests, and pictures other than those in the data.
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, TypeVar

from reports.kept.folder import write_whole

T = TypeVar("T")

SHARD = 100
"""Records in a script; opening a sample loads one script."""

_LIBRARIES = ("d3.min.js", "plot.min.js", "preact.min.js", "preact-hooks.umd.js", "htm.umd.js")

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>$title</title>
<style>$style</style>
</head>
<body>
<noscript>This page needs JavaScript; report.json and summary.md beside it contain the same figures.</noscript>
$body
<script type="text/plain" id="page-data">$data</script>
$scripts
</body>
</html>
""")


def page(
    brand: str, title: str, body: str, scripts: Sequence[str], data: Mapping[str, Any], *, framed: bool = True
) -> str:
    """The HTML of a page.

    Args:
        brand: the title of the benchmark.
        title: the subject of the page, for the browser's title bar.
        body: the name of the HTML file with the part above the samples.
        scripts: the names of its scripts, in the order in which they run.
        data: the data for the scripts, as JSON types; packed into the element `page-data`.
        framed: whether the body stands above the list of samples that pages of runs have; else it is the whole page.
    """
    sources = [*(_asset(f"vendor/{name}") for name in _LIBRARIES), *map(_flush, scripts)]
    return _PAGE.substitute(
        policy=_policy(sources),
        title=escape(f"{title} · {brand}"),
        style=_flush("page.css"),
        body=Template(_asset("frame.html" if framed else body)).substitute(brand=escape(brand), own=_asset(body)),
        data=packed(data),
        scripts="\n".join(f"<script>{source}</script>" for source in sources),
    )


def packed(data: object) -> str:
    """The data as the page expects them: JSON, deflated, in Base64."""
    return _deflated(json.dumps(data, separators=(",", ":")))


def _deflated(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


def write_shards(folder: Path, name: str, records: Sequence[T], as_json: Callable[[T], str]) -> Mapping[str, Any]:
    """Writes records in scripts `NAME-000.js` and so on; returns what the page needs to load them.

    Raises:
        NotKept: the folder cannot be written.
    """
    for number, first in enumerate(range(0, len(records), SHARD)):
        stem = f"{name}-{number:03}"
        write_whole(folder / f"{stem}.js", shard(stem, map(as_json, records[first : first + SHARD])))
    return {"folder": folder.name, "name": name, "size": SHARD, "records": len(records)}


def shard(name: str, records: Iterable[str]) -> str:
    """A script that passes records, each a JSON text, to the page beside it; `name` is not escaped."""
    packed_records = _deflated(f"[{','.join(records)}]")
    return f'mmeShard("{name}","{packed_records}");\n'


def _policy(scripts: Iterable[str]) -> str:
    """Allows our scripts by their hashes, scripts beside the page, embedded pictures, clips on disk; no requests."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src 'self' file: {allowed}; style-src 'unsafe-inline'; "
        "img-src data: 'self' file:; media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _flush(name: str) -> str:
    """The text of one of our files without indentation and without comments that start a line."""
    return re.sub(r"^(?:[ \t]+|/\*.*?\*/\n+)", "", _asset(name), flags=re.MULTILINE | re.DOTALL)


def _asset(name: str) -> str:
    return files("reports.page").joinpath(name).read_text("utf-8").strip()
