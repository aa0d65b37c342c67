"""Self-supervised restoration of a single noisy, blurred microscope recording.

Importing this package loads neither torch nor Qt; the public names below load
what they need on first use.

>>> import napari_ssi
>>> napari_ssi.__version__
'0.1.0'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import InputError
    from .events import Control, Progress
    from .io import read, write
    from .noise.measuring import measure_noise
    from .pipeline import run
    from .recipe import Recipe
    from .restoration import Restoration
    from .saved_models import save_model
    from .stack import ImageStack

__version__ = "0.1.0"

_HOMES = {
    "Control": "events",
    "ImageStack": "stack",
    "InputError": "errors",
    "Progress": "events",
    "Recipe": "recipe",
    "Restoration": "restoration",
    "measure_noise": "noise.measuring",
    "read": "io",
    "run": "pipeline",
    "save_model": "saved_models",
    "write": "io",
}

__all__ = [
    "Control",
    "ImageStack",
    "InputError",
    "Progress",
    "Recipe",
    "Restoration",
    "__version__",
    "measure_noise",
    "read",
    "run",
    "save_model",
    "write",
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
