"""A simulated recording together with its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..stack import ImageStack


@dataclass(frozen=True)
class Sample:
    """A simulated recording of a known specimen.

    Attributes
    ----------
    name
        As in :data:`~napari_ssi.samples.SAMPLES`.
    stack
        What the camera recorded: uint16, with offset, gain, blur and noise.
    truth
        The specimen itself, float32, in the units of the recording (offset
        included) and of its shape: what a perfect restoration would give.
    psf
        The point-spread function, float32, sums to 1, on the recording's grid.
    description
        What was simulated, in a sentence or two.
    """

    name: str
    stack: ImageStack
    truth: NDArray[np.float32]
    psf: NDArray[np.float32]
    description: str
