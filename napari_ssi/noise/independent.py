"""Noise that is independent from pixel to pixel; nothing else is assumed."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr
from torch import Tensor

from ..background import Levels
from ._brightness import smooth
from ._clipping import Clipped
from ._line import line, speckled
from ._report import BENT
from ._scatter import scatter

ABOUT = {
    "independent": {
        "label": "Independent from pixel to pixel",
        "summary": "The noise of one pixel says nothing about that of its neighbours; its kind "
        "and strength may be anything.",
        "when": "Photon noise and read noise of most cameras and detectors, unprocessed.",
        "recommended": True,
    },
}


class Independent(Clipped):
    r"""Zero-mean noise, independent given the image, clipped at the ends of the camera's range.

    Where no pixels pile up at an end, ``E[y | z] = z`` and a masked loss uses nothing
    more. Where they do, the noise is no longer zero-mean: in the dark a clipped
    recording is too bright. Then with the variance ``s(z) = gain z + floor``
    measured on the recording and a Gaussian shape,

    .. math::
        E[y | z] = E[\mathrm{clip}(z + \sqrt{s(z)}\, N, l, h)]

    which is compared with y in place of z. The rest of the pixels are not changed
    by the assumption. The classical methods also weigh bright and dark pixels by s(z).
    """

    _gain: float = PrivateAttr(0.0)
    _floor: float = PrivateAttr(0.0)
    _straight: bool = PrivateAttr(False)

    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy that knows the clipping limits and how the variance follows the light."""
        model = self.model_copy()
        model._limit(levels)
        points = scatter(planes, levels)
        found = line(points, levels.offset)
        model._gain, model._floor = found.gain, found.floor - found.gain * levels.offset
        straight = found.misfit <= BENT and found.gain > 3 * found.gain_error
        model._straight = straight and not speckled(points, levels.offset)
        return model

    def deviation(self, y: Tensor) -> Tensor:
        """As measured, by the light around each pixel; what single pixels have is not known."""
        return (self._gain * smooth(y) + self._floor).clamp_min(0).sqrt()

    def stein_variance(self, y: Tensor, around: Tensor) -> Tensor:
        """As measured; of the pixel itself the more, the more of its noise is that of photons."""
        photons = self._gain * around.clamp_min(0)
        part = photons / (photons + max(self._floor, 0.0)).clamp_min(1e-12) / 2
        return self._gain * (around + part * (y - around)) + self._floor

    def mean(self, z: Tensor) -> Tensor:
        """``E[y | A x = z]``, differentiable."""
        if not self._clips():
            return z
        return self._clipped_mean(z, self._shape(z))

    def _shape(self, z: Tensor) -> Tensor:
        return self._gain * z + self._floor

    def _move(self, scale: float, offset: float) -> None:
        super()._move(scale, offset)
        self._floor = (self._floor + self._gain * offset) / scale**2
        self._gain /= scale

    @property
    def growth(self) -> tuple[float, float] | None:
        """As measured, where the variance does follow a line that rises."""
        return (self._gain, self._floor) if self._straight else None

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        if not self._clips():
            return "Noise independent from pixel to pixel, with mean zero."
        return "Noise independent from pixel to pixel; the clipping of the camera is allowed for."
