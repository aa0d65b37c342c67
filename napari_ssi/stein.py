"""What a prediction is worth where neighbours share noise, which held-out pixels hardly tell."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .noise.base import NoiseModel
from .outliers import outlying

#: Length of the probe's steps, in standard deviations of the noise.
STEP = 0.1
#: Draws of signs: with one, chance decides between settings that are close.
PROBES = 2

Array = NDArray[np.float64]


class Stein:
    r"""Stein's unbiased estimate of the risk, for Gaussian noise of covariance :math:`\Sigma = S R S`.

    R is the correlation of the noise and S its standard deviation, which follows the light. With a
    prediction f(y) of the recording without noise z,

    .. math::
        E \|f(y) - z\|^2 + \operatorname{tr} \Sigma = E \left[ \|f(y) - y\|^2
        + 2 \operatorname{tr}(\Sigma J_f(y)) \right],
        \quad \operatorname{tr}(\Sigma J) = E_b (S R S b)^T J b

    with random signs b and a difference quotient for :math:`J b`. Noise that is not shared may be skewed as that of
    photons is: its variance is then taken where it is right to second order, see
    :meth:`~napari_ssi.noise.base.NoiseModel.stein_variance`. Both recordings, ``data``, are
    restored in the same path. The left side is what another recording would be predicted with, as
    is the loss of held-out pixels. These would do without knowing the covariance, but all that share noise
    with one are hidden with it, and from so far away hardly anything is predicted: nearly the recording
    itself, or nearly nothing, may look best.

    References
    ----------
    C. M. Stein, "Estimation of the mean of a multivariate normal distribution", Annals of
    Statistics 9 (1981), https://doi.org/10.1214/aos/1176345632
    S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE", IEEE Transactions on Image Processing 17
    (2008), https://doi.org/10.1109/TIP.2008.2001404
    """

    def __init__(
        self, y: Tensor, noise: NoiseModel, generator: torch.Generator, doubt: float = 1.0
    ) -> None:
        signs = torch.rand((PROBES, *y.shape[1:]), generator=generator).round().mul(2).sub(1).to(y)
        spread = float(noise.deviation(y).square().mean().sqrt())
        self._step = max(STEP * doubt**0.5 * spread, 1e-6)  # of a picture that is all dark, say
        self._along = 2 * doubt * noise.stein_covary(signs, y.expand_as(signs))
        self._y, self._noise = y, noise
        self.data = torch.cat([y, y + self._step * signs])

    def losses(self, predictions: Tensor) -> Tensor:
        """Of each pixel of y, from the predictions for ``data``; in the mean the risk and a constant."""
        at, moved = self._noise.mean(predictions).split((1, PROBES))
        divergence = (self._along * (moved - at)).mean(0, keepdim=True) / self._step
        left = self._noise.stein_share(self._y, predictions[:1])
        losses: Tensor = (at - self._y).square() + left * divergence
        return losses


def strongest(y: Tensor, noise: NoiseModel) -> float:
    """Standard deviation of the noise that pixels share where it is strongest, roughly and robustly.

    Over all pixels, or the median over the brighter half; the larger of the two, as most of a picture may be
    black.
    """
    deviation = noise.deviation(y)
    return float(deviation[y >= y.median()].median().maximum(deviation.square().mean().sqrt()))


def explained(y: Tensor, noise: NoiseModel) -> Tensor:
    """Pixels (bool) that such noise explains: others look best where they are copied."""

    def variance(z: Array) -> Array:
        return noise.deviation(torch.from_numpy(z)).square().numpy()

    planes = y.reshape(-1, *y.shape[-2:]).cpu().numpy()
    odd = np.stack([outlying(plane, variance, 0.0) for plane in planes])
    return torch.from_numpy(~odd).reshape(y.shape)
