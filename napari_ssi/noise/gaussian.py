"""Gaussian noise of the same strength everywhere."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Generator, Tensor

from ..background import Levels
from ._clipping import Clipped
from ._random import normal, share
from .estimation import gaussian_sigma

ABOUT = {
    "gaussian": {
        "label": "Gaussian",
        "summary": "The same spread everywhere, bright or dark, with a bell-shaped distribution.",
        "when": "Read noise dominates: little light on a camera, or averaged frames.",
    },
}


class Gaussian(Clipped):
    r"""``y = z + sigma N`` with standard normal N, independent from pixel to pixel.

    ``recorrupt``: :math:`y_1 = y + \sqrt{\alpha / (1 - \alpha)}\, \omega`,
    :math:`\omega \sim N(0, \sigma^2)`, and :math:`y_2 = (y - (1 - \alpha) y_1) / \alpha`.

    References
    ----------
    .. [1] T. Pang et al., "Recorrupted-to-Recorrupted: Unsupervised Deep Learning for Image
       Denoising", CVPR 2021, :doi:`10.1109/CVPR46437.2021.00208`
    """

    sigma: float | None = Field(
        None,
        gt=0,
        le=1e6,
        title="Noise level",
        description="Standard deviation of the noise; measured on the recording if left empty.",
        json_schema_extra={"unit": "ADU"},
    )

    _lengths: ClassVar = ("sigma",)

    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy that knows sigma and the clipping limits."""
        sigma = gaussian_sigma(planes, levels) if self.sigma is None else self.sigma
        model = self.model_copy(update={"sigma": sigma})
        model._limit(levels)
        return model

    def variance(self, z: Tensor) -> Tensor:
        """``sigma²``, before any clipping."""
        return torch.full_like(z, self._known("sigma") ** 2)

    @property
    def growth(self) -> tuple[float, float]:
        """None with the light; sigma²."""
        return 0.0, self._known("sigma") ** 2

    def sample(self, z: Tensor, generator: Generator) -> Tensor:
        """A draw of y, clipped as the camera clips."""
        return self._clip(z + self._known("sigma") * normal(z, generator))

    def log_likelihood(self, y: Tensor, z: Tensor) -> Tensor:
        """Of each pixel, before any clipping."""
        sigma = self._known("sigma")
        return -0.5 * ((y - z) / sigma) ** 2 - math.log(sigma * math.sqrt(2 * math.pi))

    def recorrupt(self, y: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """Noise added to one and taken from the other, such that it cancels in the covariance."""
        alpha = share(alpha)
        omega = self._known("sigma") * normal(y, generator)
        first = y + math.sqrt(alpha / (1 - alpha)) * omega
        return first, (y - (1 - alpha) * first) / alpha

    def tweedie(self, y: Tensor, score: Tensor) -> Tensor:
        """``y + sigma² score``, exact."""
        return y + self._known("sigma") ** 2 * score

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        if self.sigma is None:
            return "Gaussian noise; its level is measured."
        clipped = "; the clipping of the camera is allowed for" if self._clips() else ""
        return f"Gaussian noise, standard deviation {self.sigma * self._scale:.3g} ADU{clipped}."
