"""Noise that is independent from pixel to pixel; nothing else is assumed."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr
from torch import Tensor

from ..background import Levels
from .base import NoiseModel

ABOUT = {
    "independent": {
        "label": "Independent from pixel to pixel",
        "summary": "The noise of one pixel says nothing of the noise of its neighbours; "
        "its kind and strength may be anything.",
        "when": "Photon noise and read noise of most cameras and detectors, unprocessed.",
        "recommended": True,
    },
}


class Independent(NoiseModel):
    r"""Zero-mean noise, independent given the image, clipped at the ends of the camera's range.

    Where no pixels pile up at an end, ``E[y | z] = z`` and nothing more is used.
    Where they do, the noise is no longer zero-mean: in the dark a clipped
    recording is too bright. Then with the variance ``s(z) = gain z + floor``
    measured on the recording and a Gaussian shape,

    .. math::
        E[y | z] = E[\mathrm{clip}(z + \sqrt{s(z)}\, N, l, h)]

    which is compared with y in place of z. The rest of the pixels are not changed
    by the assumption.
    """

    model_clipping: bool = Field(
        True,
        title="Allow for clipping",
        description="Where pixels pile up at the darkest or brightest value, compare the recording "
        "with the mean of clipped noise; otherwise dark places come out too bright.",
    )

    _low: float | None = PrivateAttr(None)
    _high: float | None = PrivateAttr(None)
    _gain: float = PrivateAttr(0.0)
    _floor: float = PrivateAttr(0.0)

    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy that knows the clipping limits, and the variance where it clips."""
        model = self.model_copy()
        if self.model_clipping and (levels.low is not None or levels.high is not None):
            model._low, model._high = levels.low, levels.high
            model._gain, model._floor = variance_line(planes, levels)
        return model

    def rescaled(self, scale: float, offset: float) -> Self:
        """The model of ``(y - offset) / scale``."""
        model = self.model_copy()
        model._low = None if self._low is None else (self._low - offset) / scale
        model._high = None if self._high is None else (self._high - offset) / scale
        model._gain = self._gain / scale
        model._floor = (self._floor + self._gain * offset) / scale**2
        return model

    def mean(self, z: Tensor) -> Tensor:
        """``E[y | A x = z]``, differentiable."""
        if self._low is None and self._high is None:
            return z
        sigma = torch.sqrt((self._gain * z + self._floor).clamp_min(1e-8))
        if self._low is not None:
            z = self._low + _rectified(z - self._low, sigma)
        if self._high is not None:
            z = self._high - _rectified(self._high - z, sigma)
        return z

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        if self._low is None and self._high is None:
            return "Noise independent from pixel to pixel, with mean zero."
        return "Noise independent from pixel to pixel; the clipping of the camera is allowed for."


def _rectified(t: Tensor, sigma: Tensor) -> Tensor:
    """``E[max(0, t + sigma N)]`` for standard normal N."""
    u = t / sigma
    density = torch.exp(-0.5 * u * u) / math.sqrt(2 * math.pi)
    mean: Tensor = sigma * density + t * torch.special.ndtr(u)
    return mean


def variance_line(planes: list[NDArray[np.float32]], levels: Levels) -> tuple[float, float]:
    """Gain and floor of ``variance = gain * value + floor``, robustly.

    In bins of the local mean (of the four neighbours), the median absolute
    deviation of a pixel from it; a line through the bins that are well inside
    the clipping limits, both coefficients at least 0.
    """
    means, residuals = [], []
    for plane in planes:
        around = (plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]) / 4
        means.append(around.ravel())
        residuals.append((plane[1:-1, 1:-1] - around).ravel())
    m, r = np.concatenate(means), np.concatenate(residuals)
    sigma = _mad(r)
    inside = np.ones(m.shape, bool)
    if levels.low is not None:
        inside &= m > levels.low + 2.5 * sigma
    if levels.high is not None:
        inside &= m < levels.high - 2.5 * sigma
    if inside.sum() < 500:  # nearly all of it is clipped: half of the noise is still seen
        bright = r[r > 0]
        return 0.0, float(np.median(bright) / 0.6745) ** 2 / 1.25 if bright.size else 0.0
    m, r = m[inside], r[inside]
    edges = np.unique(np.quantile(m, np.linspace(0, 1, 17)))
    which = np.clip(np.searchsorted(edges, m, side="right") - 1, 0, len(edges) - 2)
    x, v, n = [], [], []
    for b in range(len(edges) - 1):
        part = which == b
        if part.sum() >= 50:
            x.append(float(m[part].mean()))
            v.append(_mad(r[part]) ** 2 / 1.25)
            n.append(int(part.sum()))
    if len(x) < 3:
        return 0.0, sigma**2 / 1.25
    # structure only adds to the variance: weigh down the bins above the line
    xs, vs, weight = np.array(x), np.array(v), np.sqrt(np.array(n, float))
    gain = floor = 0.0
    for _ in range(5):
        gain, floor = np.polyfit(xs, vs, 1, w=weight / np.maximum(vs, 1e-12))
        gain = max(0.0, float(gain))
        above = vs > 1.3 * (gain * xs + floor)
        if not above.any():
            break
        weight = np.where(above, weight * 0.3, weight)
    if gain == 0.0:
        floor = float(np.average(vs, weights=weight))
    return gain, max(float(floor), 0.0)


def _mad(r: NDArray[np.floating]) -> float:
    return float(np.median(np.abs(r - np.median(r))) / 0.6745)
