"""Packages that are installed, as far as their metadata says."""

from pathlib import Path


def installed(folder: Path, *names: str) -> Path:
    """A folder for `sys.path`, in which these packages are, without any code."""
    for name in names:
        metadata = folder / f"{name.replace('-', '_')}-9.0.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.0\n", "utf-8")
    return folder
