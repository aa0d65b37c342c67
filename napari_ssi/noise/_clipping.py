"""Noise that the camera clips at the ends of its range."""

from __future__ import annotations

import math

import torch
from pydantic import PrivateAttr
from torch import Tensor

from ..background import Levels
from .base import NoiseModel


class Clipped(NoiseModel):
    r"""Knows the ends of the range, and what clipping there does to the mean.

    With a Gaussian shape of variance s,

    .. math::
        E[y | z] = E[\mathrm{clip}(z + \sqrt{s}\, N, l, h)].
    """

    _low: float | None = PrivateAttr(None)
    _high: float | None = PrivateAttr(None)
    #: Recording's units per unit of the model: its sentence stays in those of the recording.
    _scale: float = PrivateAttr(1.0)

    def _limit(self, levels: Levels, *, low: bool = True) -> None:
        self._low, self._high = levels.low if low else None, levels.high

    def _move(self, scale: float, offset: float) -> None:
        """The limits of ``(y - offset) / scale``."""
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
