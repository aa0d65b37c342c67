"""Counted photons, as the classical methods compare them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise.base import NoiseModel

#: Variance besides that of the photons, over the gain squared, up to which photons are counted. Beyond,
#: least squares measured better: in the dark the likelihood of rounded, rectified counts is not theirs.
BESIDE = 0.05


@dataclass(frozen=True)
class Photons:
    r"""``variance = gain (z + shift)``: Poisson noise of data that are moved by the shift.

    With read noise of variance :math:`\sigma^2`, ``shift`` is :math:`\sigma^2 / g`: moved by so
    much, data and model have mean and variance of Poisson counts [1]_. What is below zero even then
    counts as zero, which in the dark is a bias of up to 0.05 photons where read noise is allowed.

    References
    ----------
    .. [1] D. L. Snyder, C. W. Helstrom, A. D. Lanterman, M. Faisal, R. L. White,
       "Compensation for readout noise in CCD images", Journal of the Optical Society of
       America A 12 (1995), :doi:`10.1364/JOSAA.12.000272`
    """

    gain: float
    shift: float

    @classmethod
    def of(cls, noise: NoiseModel) -> Photons | None:
        """Where there is next to no other noise, and no error of the offset, which looks like it."""
        growth = noise.growth
        if growth is None or not 0 <= max(growth[1], 0.0) <= BESIDE * growth[0] ** 2:
            return None
        gain, floor = growth
        return cls(gain, max(floor, 0.0) / gain) if gain > 0 else None

    def admissible(self, y: Tensor, z: Tensor) -> Tensor:
        """y, but where it is beyond all noise around z (a hot or dead pixel) the nearest value that is not."""
        spread = 5 * (self.gain * (z.clamp_min(0) + self.shift)).sqrt()
        return torch.minimum(torch.maximum(y, z - spread), z + spread + 5 * self.gain)

    def deviance(self, y: Tensor, z: Tensor) -> Tensor:
        r"""Root of the Poisson deviance :math:`2 [a \log(a / b) - a + b] / g`, a and b being y and z moved.

        Of order 1 where z is the truth; z at the true mean makes its square least on average.
        """
        a = (y + self.shift).clamp_min(0)
        b = (z.clamp_min(0) + self.shift).clamp_min(1e-2 * self.gain)
        half = torch.xlogy(a, a / b) - a + b
        return (2 / self.gain * half).clamp_min(0).sqrt()
