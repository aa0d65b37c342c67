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

    def stein_share(self, y: Tensor, z: Tensor, variance: Tensor | None = None) -> Tensor:
        r"""Less and less towards an end of the range, 0 at it.

        As y = clip(z + σ N), integration by parts of :math:`E[(y - \mu) g(y)]` leaves, with φ and Φ the normal
        density and its integral,

        .. math::
            E[\sigma^2 s(y) g'(y)], \quad
            s(t) = 1 - \frac{m_h \Phi(u) + m_l \Phi(-u)}{\phi(u)}, \quad u = \frac{t - z}{\sigma},

        :math:`\sigma m_h` and :math:`\sigma m_l` what the mean loses at the upper and the lower end. Of noise that
        pixels share only those at an end are left out.
        """
        share = torch.ones_like(y)
        if not self._clips():
            return share
        if not self.correlated:
            sigma = (self._shape(z) if variance is None else variance).clamp_min(1e-8).sqrt()
            u = ((y - z) / sigma).clamp(-4, 4)
            cut = torch.zeros_like(u)
            if self._high is not None:
                cut += _lost((self._high - z) / sigma) * torch.special.ndtr(u)
            if self._low is not None:
                cut += _lost((z - self._low) / sigma) * torch.special.ndtr(-u)
            share = (1 - cut / _density(u)).clamp(0, 1)
        if self._low is not None:
            share = share * (y > self._low + 1e-6)
        if self._high is not None:
            share = share * (y < self._high - 1e-6)
        return share

    def _shape(self, z: Tensor) -> Tensor:
        """The variance at z by which clipping is judged."""
        return self.variance(z)

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
    mean: Tensor = sigma * _density(u) + t * torch.special.ndtr(u)
    return mean


def _lost(room: Tensor) -> Tensor:
    """``E[max(0, N - room)]`` for standard normal N; nothing to speak of beyond 5."""
    room = room.clamp_max(5)
    lost: Tensor = _density(room) - room * torch.special.ndtr(-room)
    return lost.clamp_min(0)


def _density(u: Tensor) -> Tensor:
    return torch.exp(-0.5 * u * u) / math.sqrt(2 * math.pi)
