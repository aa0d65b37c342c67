"""Simulated specimens of which the truth is known, for learning and for trying things out.

>>> sample = make("cells_2d")
>>> sample.stack.describe()
'512 x 512 pixels, 0.065 x 0.065 µm, uint16'
"""

from __future__ import annotations

import importlib

from ..errors import InputError
from .specimen import Sample

#: Name and what it shows; the module of the same name builds it.
SAMPLES = {
    "cells_2d": "Microtubules and vesicles, widefield (2D)",
    "nuclei_3d": "Nuclei and membranes, widefield z-stack (3D)",
    "vesicles_timelapse": "Moving vesicles, two channels (2D + time)",
}

__all__ = ["SAMPLES", "Sample", "make"]


def make(name: str, seed: int = 0) -> Sample:
    """Simulate one of :data:`SAMPLES`; the same seed gives the same image.

    Raises
    ------
    InputError
        There is no sample of that name.
    """
    if name not in SAMPLES:
        raise InputError(f"There is no sample {name!r}; choose one of: {', '.join(SAMPLES)}.")
    sample: Sample = importlib.import_module(f".{name}", __name__).build(seed)
    return sample
