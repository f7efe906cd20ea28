"""Puts a page together: one HTML file, and its data in scripts beside it.

The file holds all it needs to be shown. Data are deflated JSON in Base64, an alphabet that cannot end a script or an
attribute, whatever a model has said; a content security policy lets nothing else run, load or leave.
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

_LIBRARIES = (
    "vendor/d3.min.js",
    "vendor/plot.min.js",
    "vendor/preact.min.js",
    "vendor/preact-hooks.umd.js",
    "vendor/htm.umd.js",
)

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
<noscript>This page needs JavaScript; report.json and summary.md beside it hold the same figures.</noscript>
$body
<script type="text/plain" id="page-data">$data</script>
$scripts
</body>
</html>
""")


def page(brand: str, title: str, body: str, scripts: Sequence[str], data: Mapping[str, Any]) -> str:
    """A page's HTML.

    Args:
        brand: the benchmark, as readers know it.
        title: what the page is about.
        body: the name of the file with what it has above its samples.
        scripts: the names of its scripts, in order.
        data: what the scripts find in the element `page-data`.
    """
    sources = [*map(_asset, _LIBRARIES), *map(_flush, scripts)]
    return _PAGE.substitute(
        policy=_policy(sources),
        title=escape(f"{title} · {brand}"),
        style=_flush("page.css"),
        body=Template(_asset("frame.html")).substitute(brand=escape(brand), own=_asset(body)),
        data=packed(data),
        scripts="\n".join(f"<script>{source}</script>" for source in sources),
    )


def packed(data: object) -> str:
    """The data as a page unpacks them: JSON, deflated, in Base64."""
    return base64.b64encode(zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 6)).decode()


def shard(name: str, records: Iterable[str]) -> str:
    """A script that hands records, each a JSON object, to the page beside which it lies; the name is ours."""
    deflated = zlib.compress(f"[{','.join(records)}]".encode(), 6)
    return f'mmeShard("{name}","{base64.b64encode(deflated).decode()}");\n'


def _policy(scripts: Iterable[str]) -> str:
    """Our own scripts by their hashes, those beside the page, pictures in data, clips from disk; no requests at all."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src 'self' file: {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _flush(name: str) -> str:
    """A source of ours without what only its readers need: indentation, and comments that begin a line."""
    return re.sub(r"^(?:[ \t]+|/\*.*?\*/\n+)", "", _asset(name), flags=re.MULTILINE | re.DOTALL)


def _asset(name: str) -> str:
    return files("reports.page").joinpath(name).read_text("utf-8").strip()
