"""Photon noise, and no other."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr
from torch import Generator, Tensor

from ..background import Levels
from ._line import line
from ._lit import Lit
from ._random import binomial, poisson, share
from ._scatter import scatter

ABOUT = {
    "poisson": {
        "label": "Poisson",
        "summary": "Photon noise only: the variance grows in proportion to the light.",
        "when": "Photon counting, confocal and two-photon detectors without read noise.",
    },
}


class Poisson(Lit):
    r"""``y = offset + gain P``, ``P ~ Poisson((z - offset) / gain)``.

    ``recorrupt`` thins the counts :math:`n = (y - o) / g`: :math:`k \sim B(n, \alpha)`,
    :math:`y_1 = o + g (n - k) / (1 - \alpha)`, :math:`y_2 = o + g k / \alpha` [1]_. A count
    that is no whole number is rounded up with the probability of its fraction, since
    rounding to the nearest would change the mean of dim pixels; a negative one becomes 0.

    ``split_photons`` deals whole counts :math:`n = \mathrm{round}((y - o) / g)`, and y in
    their proportion: :math:`y_1 = o + (y - o) (n - k) / n (1 - \alpha)`, and y_2 likewise.
    On a photon counter, whose recording is whole, it is exact also where the gain is a
    little off (by less than half a photon in n), for it neither rounds y nor rescales it;
    where there is read noise, n is no Poisson variable and ``recorrupt`` is the better of two
    approximations, as its mean at least is right.

    ``tweedie`` is of :math:`\eta = \log(z - o)`, for which the formula is exact, and back:
    :math:`\hat z = o + (y - o + g / 2) \exp(g\, s)` with s the score [2]_. As
    :math:`\exp E \log \le E`, it is a little below the posterior mean.

    References
    ----------
    .. [1] B. Monroy, J. Bacca, J. Tachella, "Generalized Recorrupted-to-Recorrupted:
       Self-Supervised Learning Beyond Gaussian Noise", CVPR 2025,
       :doi:`10.48550/arXiv.2412.04648`
    .. [2] K. Kim, J. C. Ye, "Noise2Score: Tweedie's Approach to Self-Supervised Image
       Denoising without Clean Images", NeurIPS 2021, :doi:`10.48550/arXiv.2106.07009`
    """

    gain: float | None = Field(
        None,
        gt=0,
        le=1e6,
        title="Gain",
        description="Units of the recording that one photon adds; measured on the recording "
        "if left empty.",
        json_schema_extra={"unit": "ADU per photon"},
    )

    #: Variance found at the offset, where there should be none.
    _floor: float = PrivateAttr(0.0)

    _lengths: ClassVar = ("gain",)

    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy that knows gain, offset and the upper end of the range."""
        gain, floor = self.gain, 0.0
        if planes:
            points = scatter(planes, levels)
            if gain is None:
                found = line(points, levels.offset)
                # noise at the offset means that light begins below it: only the slope is telling
                hazy = found.floor > 3 * found.floor_error and found.gain > 3 * found.gain_error
                gain = found.gain if hazy else line(points, levels.offset, floor=0.0).gain
            floor = line(points, levels.offset, gain=gain).floor
        model = self.model_copy(update={"gain": max(gain or 0.0, 1e-6)})
        model._floor = floor
        # photons are never fewer than none: there is nothing to clip at the lower end
        model._limit(levels, low=False)
        return model

    def variance(self, z: Tensor) -> Tensor:
        """``gain (z - offset)``, before any clipping."""
        return self._known("gain") * self._light(z)

    def _move(self, scale: float, offset: float) -> None:
        super()._move(scale, offset)
        self._floor /= scale**2

    def unbiased_variance(self, y: Tensor) -> Tensor:
        """``gain (y - offset)``: linear in y, so right on average, negative y included."""
        return self._known("gain") * (y - self._offset)

    @property
    def growth(self) -> tuple[float, float]:
        """The gain; what there is at z = 0."""
        gain = self._known("gain")
        return gain, self._floor - gain * self._offset

    def sample(self, z: Tensor, generator: Generator) -> Tensor:
        """A draw of y; below the offset, where there is no light, z itself."""
        gain = self._known("gain")
        counts = poisson(((z - self._offset) / gain).clamp_min(0), generator)
        return self._clip(z.clamp_max(self._offset) + gain * counts)

    def log_likelihood(self, y: Tensor, z: Tensor) -> Tensor:
        """Of the counts of each pixel; between whole numbers by the gamma function."""
        gain = self._known("gain")
        n = ((y - self._offset) / gain).clamp_min(0)
        rate = ((z - self._offset) / gain).clamp_min(0)
        return torch.xlogy(n, rate) - rate - torch.lgamma(n + 1)

    def stein_variance(self, y: Tensor, around: Tensor) -> Tensor:
        """At the middle between the pixel and its surroundings, as ``k₃ = gain² (z - offset)``."""
        return self.unbiased_variance((y + around) / 2)

    def recorrupt(self, y: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """Each photon goes to the second recording with probability alpha, else to the first."""
        alpha = share(alpha)
        gain = self._known("gain")
        n = ((y - self._offset) / gain).clamp_min(0)
        chance = torch.rand(n.shape, generator=generator, dtype=n.dtype, device=n.device)
        n = torch.floor(n + _snapped(n, chance))
        k = binomial(n, alpha, generator)
        return self._offset + gain * (n - k) / (1 - alpha), self._offset + gain * k / alpha

    def split_photons(self, y: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """Each whole photon goes to the second recording with probability alpha, else to the first."""
        alpha = share(alpha)
        light = y - self._offset
        n = (light / self._known("gain")).clamp_min(0).round()
        k = binomial(n, alpha, generator)
        # where no photon was counted there is nothing to deal: both have what is there
        part = torch.where(n > 0, k / n.clamp_min(1), torch.full_like(n, alpha))
        return self._offset + light * (1 - part) / (1 - alpha), self._offset + light * part / alpha

    def tweedie(self, y: Tensor, score: Tensor) -> Tensor:
        """Of the logarithm of the rate; see the class."""
        gain = self._known("gain")
        # of less than no photon nothing is left, and beyond e^3 the score is not to be believed
        return self._offset + (y - self._offset + gain / 2).clamp_min(0) * torch.exp(
            (gain * score).clamp(-3, 3)
        )

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        if self.gain is None:
            return "Photon noise only; its gain is measured."
        return f"Photon noise only, gain {self.gain * self._scale:.3g} ADU per photon."


def _snapped(n: Tensor, chance: Tensor) -> Tensor:
    """The chance, but 0.5 for a whole number that division has moved by rounding."""
    near = (n - n.round()).abs() <= 8 * torch.finfo(n.dtype).eps * n.clamp_min(1)
    return torch.where(near, torch.full_like(chance, 0.5), chance)
