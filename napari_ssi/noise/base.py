"""What a loss or a baseline may ask of the noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Generator, Tensor

from ..background import Levels
from ..configured import Configured
from ..errors import InputError


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

    @property
    def grows(self) -> bool:
        """Whether the variance grows with the light as well as having a constant part."""
        return False

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
