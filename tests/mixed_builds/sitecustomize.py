"""Lets torchvision's build for CUDA import beside torch's for the CPU; a no-op where the two belong together.

Python imports a module of this name at its start from wherever PYTHONPATH leads. torchvision's Python code wants two
operators that its compiled part would define, and the preprocessing of pictures uses neither. A server decodes JPEGs
with that compiled part too, in whose place Pillow does it here.
"""

import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


PICTURES = "torchvision.io.image"


class WithPillow(SourceFileLoader):
    """Loads torchvision's module of pictures, and gives it another decoder."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.decode_image = _decoded  # type: ignore[attr-defined]


def _decoded(raw: Any, **_: object) -> Any:
    """The picture as torchvision gives it: uint8, shape (3, height, width)."""
    import numpy as np
    import torch
    from PIL import Image

    with Image.open(BytesIO(bytes(raw.tolist()))) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


class BeforeTorchvision:
    """Defines the operators when somebody imports torchvision, and has its pictures decoded otherwise."""

    def __init__(self) -> None:
        self.library: object = None

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torchvision" and self.library is None:
            found = PathFinder.find_spec("torchvision")
            if found is not None and found.origin and _built_for_cuda(Path(found.origin).with_name("version.py")):
                self._define()
        if name == PICTURES and self.library is not None:
            found = PathFinder.find_spec(name, path)
            if found is not None and found.origin:
                found.loader = WithPillow(name, found.origin)
            return found
        return None

    def _define(self) -> None:
        import torch

        if torch.version.cuda is None:
            self.library = library = torch.library.Library("torchvision", "DEF")
            for operator in OPERATORS:
                library.define(operator)


def _built_for_cuda(version: Path) -> bool:
    return bool(re.search(r"^__version__ = '[^']*\+cu", version.read_text("utf-8"), re.MULTILINE))


# a test that imports this module by its long name may have it from PYTHONPATH already
_is_here = any(type(finder).__name__ == BeforeTorchvision.__name__ for finder in sys.meta_path)
if importlib.util.find_spec("torchvision") is not None and not _is_here:
    sys.meta_path.insert(0, BeforeTorchvision())
