"""Speckle: noise in proportion to the signal."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Generator, Tensor

from ..background import Levels
from ._line import looks
from ._lit import Lit
from ._random import gamma, share
from ._scatter import scatter

ABOUT = {
    "gamma": {
        "label": "Gamma (speckle)",
        "summary": "The spread grows in proportion to the signal, as in coherent light.",
        "when": "Speckle: optical coherence tomography, coherent imaging, intensities "
        "averaged over few looks.",
    },
}


class Gamma(Lit):
    r"""``y = offset + (z - offset) G``, G Gamma-distributed with mean 1 and variance ``1 / looks``.

    ``recorrupt`` splits y by a share :math:`\omega \sim \mathrm{Beta}(l \alpha, l (1 - \alpha))`:
    :math:`y_1 = y (1 - \omega) / (1 - \alpha)` and :math:`y_2 = y \omega / \alpha`, which are
    independent Gamma variables [1]_.

    ``tweedie`` is of :math:`\eta = -l / (z - o)`, for which the formula is exact, and back:
    :math:`\hat z = o + l u / (l - 1 - u s)` with u = y - o and s the score [2]_, the harmonic
    mean of the posterior.

    References
    ----------
    .. [1] B. Monroy, J. Bacca, J. Tachella, "Generalized Recorrupted-to-Recorrupted:
       Self-Supervised Learning Beyond Gaussian Noise", CVPR 2025,
       :doi:`10.48550/arXiv.2412.04648`
    .. [2] K. Kim, J. C. Ye, "Noise2Score: Tweedie's Approach to Self-Supervised Image
       Denoising without Clean Images", NeurIPS 2021, :doi:`10.48550/arXiv.2106.07009`
    """

    looks: float | None = Field(
        None,
        ge=0.1,
        le=1e4,
        title="Looks",
        description="Number of independent speckle patterns averaged: the more, the less noise; "
        "measured on the recording if left empty.",
        json_schema_extra={"unit": "looks"},
    )

    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy that knows the looks, the offset and the upper end of the range."""
        found = self.looks
        if found is None:
            found = looks(scatter(planes, levels), levels.offset)
        model = self.model_copy(update={"looks": found})
        # a multiple of the light is never below none: there is nothing to clip at the lower end
        model._limit(levels, low=False)
        return model

    def variance(self, z: Tensor) -> Tensor:
        """``(z - offset)² / looks``, before any clipping."""
        return self._light(z) ** 2 / self._known("looks")

    def stein_variance(self, y: Tensor, around: Tensor) -> Tensor:
        """Exact: ``E (y - z) g = z / looks E y g'``, both above the offset."""
        return self._light(y) * self._light(around) / self._known("looks")

    def sample(self, z: Tensor, generator: Generator) -> Tensor:
        """A draw of y; below the offset, where there is no light, z itself."""
        looks = self._known("looks")
        factor = gamma(torch.full_like(z, looks), generator) / looks
        light = self._light(z)
        return self._clip(z.clamp_max(self._offset) + light * factor)

    def log_likelihood(self, y: Tensor, z: Tensor) -> Tensor:
        """Of each pixel, before any clipping; minus infinity where one is not above the offset."""
        looks = z.new_tensor(self._known("looks"))
        signal, light = self._light(y), self._light(z)
        rate = looks / light
        found = looks * rate.log() + (looks - 1) * signal.log() - rate * signal - looks.lgamma()
        possible = (signal > 0) & (light > 0)
        return torch.where(possible, found, torch.full_like(found, -torch.inf))

    def recorrupt(self, y: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """The signal split at random into two."""
        alpha = share(alpha)
        looks = self._known("looks")
        first = gamma(torch.full_like(y, looks * (1 - alpha)), generator)
        second = gamma(torch.full_like(y, looks * alpha), generator)
        omega = second / (first + second).clamp_min(torch.finfo(y.dtype).tiny)
        light = self._light(y)
        return (
            self._offset + light * (1 - omega) / (1 - alpha),
            self._offset + light * omega / alpha,
        )

    def tweedie(self, y: Tensor, score: Tensor) -> Tensor:
        """Of the inverse of the signal; see the class."""
        looks = self._known("looks")
        light = (y - self._offset).clamp_min(0)
        # an unlikely score must not divide by nothing: at most ten times the recording
        below = (looks - 1 - light * score).clamp_min(looks / 10)
        return self._offset + looks * light / below

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        if self.looks is None:
            return "Speckle; the number of looks is measured."
        return (
            f"Speckle of {self.looks:.3g} looks: a spread of {self.looks**-0.5:.0%} of the signal."
        )
