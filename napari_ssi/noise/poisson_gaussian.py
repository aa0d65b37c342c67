"""Photon noise and read noise together."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Generator, Tensor

from ..background import Levels
from ._line import line
from ._lit import Lit
from ._random import normal, poisson
from ._scatter import scatter

ABOUT = {
    "poisson_gaussian": {
        "label": "Poisson–Gaussian",
        "summary": "Photon noise, which grows with the light, and read noise, which does not.",
        "when": "Cameras (sCMOS, CCD, EMCCD), unprocessed.",
    },
}


class PoissonGaussian(Lit):
    r"""``y = offset + gain P + sigma N``, ``P ~ Poisson((z - offset) / gain)``.

    Variance ``gain (z - offset) + sigma²`` [1]_. The likelihood is that of a Gaussian of
    this variance, which is close from about ten photons, or where sigma is above the gain.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian
       noise modeling and fitting for single-image raw-data", IEEE Transactions on Image
       Processing 17 (2008), :doi:`10.1109/TIP.2008.2001399`
    """

    gain: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Gain",
        description="Units of the recording that one photon adds; measured on the recording "
        "if left empty.",
        json_schema_extra={"unit": "ADU per photon"},
    )
    sigma: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Read noise",
        description="Standard deviation of the noise where there is no light; measured on the "
        "recording if left empty.",
        json_schema_extra={"unit": "ADU"},
    )

    _lengths: ClassVar = ("gain", "sigma")

    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy that knows gain, sigma, offset and the clipping limits."""
        gain, sigma = self.gain, self.sigma
        if gain is None or sigma is None:
            floor = None if sigma is None else sigma**2
            found = line(scatter(planes, levels), levels.offset, gain=gain, floor=floor)
            gain, sigma = found.gain, math.sqrt(found.floor)
        model = self.model_copy(update={"gain": gain, "sigma": sigma})
        model._limit(levels)
        return model

    def variance(self, z: Tensor) -> Tensor:
        """``gain (z - offset) + sigma²``, before any clipping."""
        return self._known("gain") * self._light(z) + self._known("sigma") ** 2

    def unbiased_variance(self, y: Tensor) -> Tensor:
        """``gain (y - offset) + sigma²``: linear in y, so right on average, negative y included."""
        return self._known("gain") * (y - self._offset) + self._known("sigma") ** 2

    def stein_variance(self, y: Tensor, around: Tensor) -> Tensor:
        """The more read noise, the less of the pixel: it has no third cumulant."""
        photons = self._known("gain") * self._light(around)
        part = photons / (photons + self._known("sigma") ** 2).clamp_min(1e-12) / 2
        return self.unbiased_variance(around + part * (y - around))

    @property
    def grows(self) -> bool:
        """Yes."""
        return True

    @property
    def growth(self) -> tuple[float, float]:
        """The gain; what there is at z = 0."""
        gain = self._known("gain")
        return gain, self._known("sigma") ** 2 - gain * self._offset

    def sample(self, z: Tensor, generator: Generator) -> Tensor:
        """A draw of y, clipped as the camera clips; below the offset with read noise only."""
        gain, sigma = self._known("gain"), self._known("sigma")
        light = self._light(z)
        if gain > 0:
            light = gain * poisson(light / gain, generator)
        dark = z.clamp_max(self._offset)
        return self._clip(dark + light + sigma * normal(z, generator))

    def log_likelihood(self, y: Tensor, z: Tensor) -> Tensor:
        """Of each pixel, with a Gaussian shape, before any clipping."""
        variance = self.variance(z)
        return -0.5 * ((y - z) ** 2 / variance + torch.log(2 * math.pi * variance))

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        if self.gain is None or self.sigma is None:
            return "Photon and read noise; what is not given is measured."
        clipped = "; the clipping of the camera is allowed for" if self._clips() else ""
        return (
            f"Photon noise, gain {self.gain * self._scale:.3g} ADU per photon, and read noise, "
            f"{self.sigma * self._scale:.3g} ADU{clipped}."
        )
