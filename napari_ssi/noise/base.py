"""What a loss or a baseline may ask of the noise."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from ..background import Levels
from ..configured import Configured
from ..errors import InputError
from ..outliers import outlying
from ._brightness import beside, smooth

#: Noise below this part of the recording's range is not believed.
LEAST = 1e-3
#: Pixels away at which noise is shared by whole rows or columns only.
FAR = 9


class NoiseModel(Configured, ABC):
    """What is known of the noise n in ``y = n(A x)``.

    A loss asks the model and never which model it is; what a model does not know it
    refuses with one :class:`~napari_ssi.errors.InputError`. One instance describes one
    channel, in the units of the recording until :meth:`rescaled`.
    """

    @abstractmethod
    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy with what is not yet known measured on (Y, X) planes of the recording."""

    @abstractmethod
    def rescaled(self, scale: float, offset: float) -> Self:
        """The model of ``(y - offset) / scale``."""

    def mean(self, z: Tensor) -> Tensor:
        """``E[y | A x = z]``: z itself, unless the camera clips."""
        return z

    def sample(self, z: Tensor, generator: Generator) -> Tensor:
        """A draw of y, clipped as the camera clips, where ``A x = z``."""
        raise self._cannot("be simulated")

    def variance(self, z: Tensor) -> Tensor:
        """``Var[y | A x = z]`` of each pixel, before any clipping."""
        raise self._cannot("say how strong it is")

    def unbiased_variance(self, y: Tensor) -> Tensor:
        """An estimate of the variance from y itself, right on average; may be below 0."""
        return self.variance(y)

    def stein_variance(self, y: Tensor, around: Tensor) -> Tensor:
        """v with ``E[(y_i - z_i) g_i] = E[v_i dg_i/dy_i]``, to second order in a pixel's noise.

        ``around`` is an estimate of z_i to which y_i does not contribute. For skewed noise
        a share ``k₃ / (2 dv/dz v)`` of y_i itself belongs into it, with k₃ its third cumulant.
        """
        return self.unbiased_variance(y)

    def stein_share(self, y: Tensor, z: Tensor, variance: Tensor | None = None) -> Tensor:
        """What clipping leaves of a pixel's :meth:`stein_variance`, 0 to 1, at an estimate z of its light.

        1 where nothing is clipped. ``variance`` is that before clipping, if the model's own is not to be believed.
        """
        return torch.ones_like(y)

    @property
    def grows(self) -> bool:
        """Whether the variance grows with the light as well as having a constant part."""
        return False

    @property
    def growth(self) -> tuple[float, float] | None:
        """Gain and floor of ``variance = gain z + floor``, where such a line is known."""
        return None

    @property
    def correlated(self) -> bool:
        """Whether the noise of a pixel says something of that of others."""
        return False

    def sharing(self, mask: Tensor) -> Tensor:
        """The masked pixels (bool) and all whose noise is correlated with that of one of them."""
        return mask

    def extent(self, ndim: int) -> tuple[float, ...]:
        """How many pixels away along (Z,) Y, X noise is still shared; inf where whole rows or columns share it."""
        side = 2 * FAR + 1
        one = torch.zeros(1, 1, *(1,) * (ndim - 2), side, side, dtype=torch.bool)
        one[..., FAR, FAR] = True
        reached = [
            int((at - FAR * (axis >= ndim - 2)).abs().max())
            for axis, at in enumerate(self.sharing(one).nonzero().T[2:])
        ]
        return tuple(math.inf if n == FAR else float(n) for n in reached)

    def alone(self, hidden: Tensor) -> Tensor:
        """Those of the hidden pixels (bool) whose noise no visible pixel shares."""
        return ~self.sharing(~hidden) if self.correlated else hidden

    def thinned(self, density: float, most: float, y: Tensor) -> float:
        """``density``, or less: of single pixels, such that a share ``most`` of y is hidden at most.

        With each pixel all are hidden that share its noise.
        """
        if not self.correlated:
            return density
        one = torch.zeros_like(y[:1], dtype=torch.bool)
        one[(0, 0, *(n // 2 for n in y.shape[2:]))] = True
        return float(min(density, 1 - (1 - most) ** (1 / int(self.sharing(one).sum()))))

    def correlate(self, b: Tensor) -> Tensor:
        """``R b`` with R the correlation of the noise from pixel to pixel; b unless it is shared."""
        return b

    def covary(self, b: Tensor, y: Tensor) -> Tensor:
        """``Σ b`` with Σ the covariance of the noise, its brightness that of y around each pixel."""
        return self.variance(smooth(y)) * b

    def stein_covary(self, b: Tensor, y: Tensor) -> Tensor:
        """``V b`` with ``E (y - z)^T g = E tr(V J_g)``: as :meth:`covary`, or from single pixels to second order."""
        return self.covary(b, y) if self.correlated else self.stein_variance(y, beside(y)) * b

    @property
    def typical(self) -> float:
        """Mean brightness of the recording, in the units of the model; 0 where the noise is the same at each."""
        return 0.0

    def deviation(self, y: Tensor) -> Tensor:
        """Standard deviation of the noise of each pixel, its brightness that of y around it."""
        return self.variance(smooth(y)).sqrt()

    def outliers(self, y: Tensor) -> Tensor:
        """Single pixels (bool) so far from their neighbours that this noise does not explain them.

        None where it is not known how strong the noise is.
        """
        found = torch.zeros(y.shape, dtype=torch.bool)
        gain, floor = self.growth or (0.0, 0.0)
        # where hardly a photon arrives the measured noise may be none at all, which explains nothing
        if floor + gain * float(y.mean()) > LEAST**2 * float(y.max() - y.min()) ** 2:
            planes = y.reshape(-1, *y.shape[-2:]).cpu().numpy()
            for plane, mark in zip(planes, found.view(-1, *y.shape[-2:]).numpy(), strict=True):
                mark |= outlying(plane, lambda z: np.maximum(gain * z + floor, 1e-12), gain)
        return found.to(y.device)

    def log_likelihood(self, y: Tensor, z: Tensor) -> Tensor:
        """``log p(y | A x = z)`` of each pixel, before any clipping."""
        raise self._cannot("say how likely a recording is")

    def recorrupt(self, y: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """Two recordings from one: ``y = (1 - alpha) y1 + alpha y2``.

        Both have the mean z, and are independent of each other given z.

        References
        ----------
        .. [1] B. Monroy, J. Bacca, J. Tachella, "Generalized Recorrupted-to-Recorrupted:
           Self-Supervised Learning Beyond Gaussian Noise", CVPR 2025,
           :doi:`10.48550/arXiv.2412.04648`
        """
        raise self._cannot("be split into two independent recordings")

    def split_photons(self, y: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """As :meth:`recorrupt`, each whole photon dealt to one of the two recordings."""
        raise self._cannot("be counted in photons")

    def tweedie(self, y: Tensor, score: Tensor) -> Tensor:
        """``E[z | y]`` from ``score``, the gradient of log p(y): Tweedie's formula.

        References
        ----------
        .. [1] B. Efron, "Tweedie's Formula and Selection Bias", Journal of the American
           Statistical Association 106 (2011), :doi:`10.1198/jasa.2011.tm11181`
        """
        raise self._cannot("be taken off by Tweedie's formula")

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        return ""

    def _cannot(self, what: str) -> InputError:
        return InputError(
            f"The noise model {type(self).__name__} cannot {what}; choose another noise model."
        )

    def _known(self, name: str) -> float:
        """The parameter ``name``, which must have been given or measured by now."""
        value: float | None = getattr(self, name)
        if value is None:
            raise InputError(
                f"The {name!r} of {type(self).__name__} noise is not known yet; "
                "give a number, or have it measured on the recording."
            )
        return value
