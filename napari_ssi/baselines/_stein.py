"""What a path's predictions are worth where neighbours share noise, which held-out pixels hardly tell."""

from __future__ import annotations

import torch
from torch import Tensor

from ..noise.base import NoiseModel

#: Length of the probe's steps, in standard deviations of the noise.
STEP = 0.1
#: Times the variance that was measured: too small a one leaves noise, by up to 2 dB; too large a one costs little.
DOUBT = 1.15


class Stein:
    r"""Stein's unbiased estimate of the risk, for Gaussian noise of covariance :math:`s^2 R`.

    With a prediction f(y) of the recording without noise z,

    .. math::
        E \|f(y) - z\|^2 + n s^2 = E \left[ \|f(y) - y\|^2 + 2 s^2 \operatorname{tr}(R J_f(y)) \right],
        \quad \operatorname{tr}(R J) = E_b (R b)^T J b

    with random signs b and a difference quotient for :math:`J b`: both recordings, ``data``, are
    restored in the same path. Held-out pixels would do without knowing R, but all that share noise with
    one are hidden with it. From so far away hardly anything is predicted, and nearly the recording
    itself may look best. This estimate in turn regularises too little where the noise is stronger than
    measured, as where its variance follows the light; so the more regularised choice counts.

    References
    ----------
    C. M. Stein, "Estimation of the mean of a multivariate normal distribution", Annals of
    Statistics 9 (1981), https://doi.org/10.1214/aos/1176345632
    S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE", IEEE Transactions on Image Processing 17
    (2008), https://doi.org/10.1109/TIP.2008.2001404
    """

    def __init__(self, y: Tensor, noise: NoiseModel, generator: torch.Generator) -> None:
        signs = torch.rand(y.shape, generator=generator).round().mul(2).sub(1).to(y)
        variance = DOUBT * noise.variance(y)
        self._step = STEP * float(variance.mean().sqrt())
        self._along = 2 * variance * noise.correlate(signs)
        self._y, self._noise = y, noise
        self.data = torch.cat([y, y + self._step * signs])

    def losses(self, predictions: Tensor) -> Tensor:
        """Of each pixel of y, from the predictions for ``data``; in the mean the risk and a constant."""
        at, moved = self._noise.mean(predictions).chunk(2)
        return (at - self._y).square() + self._along * (moved - at) / self._step
