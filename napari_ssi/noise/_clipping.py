"""Noise that the camera clips at the ends of its range."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from ..background import Levels
from .base import NoiseModel


class Clipped(NoiseModel):
    r"""Knows the ends of the range, and what clipping there does to the mean.

    With a Gaussian shape of variance s,

    .. math::
        E[y | z] = E[\mathrm{clip}(z + \sqrt{s}\, N, l, h)].
    """

    model_clipping: bool = Field(
        True,
        title="Allow for clipping",
        description="Where pixels pile up at the darkest or brightest value, compare the recording "
        "with the mean of clipped noise; otherwise dark places come out too bright. Off if the detector "
        "counts photons: there a dark pixel is 0 because none came.",
    )

    #: The parameters that are lengths along the brightness, and so change with its unit.
    _lengths: ClassVar[tuple[str, ...]] = ()

    _low: float | None = PrivateAttr(None)
    _high: float | None = PrivateAttr(None)
    #: Recording's units per unit of the model: its sentence stays in those of the recording.
    _scale: float = PrivateAttr(1.0)

    def rescaled(self, scale: float, offset: float) -> Self:
        """The model of ``(y - offset) / scale``."""
        model = self.model_copy(update={name: self._known(name) / scale for name in self._lengths})
        model._move(scale, offset)
        return model

    def mean(self, z: Tensor) -> Tensor:
        """``E[y | A x = z]``, differentiable."""
        return self._clipped_mean(z, self.variance(z)) if self._clips() else z

    def stein_covary(self, b: Tensor, y: Tensor) -> Tensor:
        """Without the pixels at an end of the range, which follow no noise."""
        found = super().stein_covary(b, y)
        if self._low is not None:
            found = found * (y > self._low + 1e-6)
        if self._high is not None:
            found = found * (y < self._high - 1e-6)
        return found

    def _limit(self, levels: Levels, *, low: bool = True) -> None:
        if self.model_clipping:
            self._low, self._high = levels.low if low else None, levels.high

    def _move(self, scale: float, offset: float) -> None:
        """What is private of a copy, the limits first, as of ``(y - offset) / scale``."""
        self._low = None if self._low is None else (self._low - offset) / scale
        self._high = None if self._high is None else (self._high - offset) / scale
        self._scale *= scale

    def _clips(self) -> bool:
        return self._low is not None or self._high is not None

    def _clip(self, y: Tensor) -> Tensor:
        return y.clamp(self._low, self._high) if self._clips() else y

    def _clipped_mean(self, z: Tensor, variance: Tensor) -> Tensor:
        """``E[y | A x = z]``, differentiable; exact unless the noise spans the whole range."""
        sigma = torch.sqrt(variance.clamp_min(1e-8))
        if self._low is not None:
            z = self._low + _rectified(z - self._low, sigma)
        if self._high is not None:
            z = self._high - _rectified(self._high - z, sigma)
        return z


def _rectified(t: Tensor, sigma: Tensor) -> Tensor:
    """``E[max(0, t + sigma N)]`` for standard normal N."""
    u = t / sigma
    density = torch.exp(-0.5 * u * u) / math.sqrt(2 * math.pi)
    mean: Tensor = sigma * density + t * torch.special.ndtr(u)
    return mean
