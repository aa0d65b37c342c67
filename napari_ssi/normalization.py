"""The affine map between the recording's units and those of the engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError


@dataclass(frozen=True)
class Normalization:
    """``y ↦ (y - offset) / scale``, with its exact inverse.

    Nothing is clipped, so that the statistics of the noise survive; noise
    parameters travel with it (:meth:`~napari_ssi.noise.base.NoiseModel.rescaled`).

    Examples
    --------
    >>> Normalization(100.0, 50.0)(125.0)
    0.5
    """

    offset: float
    scale: float

    @classmethod
    def fit(cls, planes: Iterable[NDArray[np.float32]], offset: float) -> Normalization:
        """Scale so that the 99.8th percentile above ``offset`` becomes 1.

        Where hardly any pixel is above the offset (a few spots in the dark), the
        brightest becomes 1. Raises :class:`~napari_ssi.errors.InputError` for a
        constant image, and for an offset that no pixel exceeds.
        """
        values = np.concatenate([p.ravel() for p in planes])
        lowest, brightest = float(values.min()), float(values.max())
        if lowest == brightest:
            raise InputError(
                f"The image is constant (every pixel is {lowest:g}): there is nothing to restore."
            )
        values = values - np.float32(offset)
        if float(values.min()) == float(values.max()) and offset < lowest:
            raise InputError(
                f"The camera offset of {offset:g} is too far below the pixels, which are between "
                f"{lowest:g} and {brightest:g}; give the value that the camera shows in the dark."
            )
        scale = float(np.percentile(values, 99.8))
        if scale <= 0:
            scale = float(values.max())
        if scale <= 0:
            raise InputError(
                f"The camera offset of {offset:g} is not below any pixel (the brightest is "
                f"{brightest:g}); give the value that the camera shows in the dark."
            )
        return cls(offset, scale)

    def __call__(self, y: Any) -> Any:
        """Recording to engine units."""
        return (y - self.offset) / self.scale

    def inverse(self, y: Any) -> Any:
        """Engine units to those of the recording."""
        return y * self.scale + self.offset
