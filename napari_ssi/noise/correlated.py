"""Gaussian noise that neighbouring pixels, or whole rows and columns, have in common."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, field_validator
from torch import Generator, Tensor
from torch.nn.functional import conv2d

from ..background import Levels
from ..errors import InputError
from ._brightness import smooth
from ._correlation import REACH
from ._lit import Lit
from ._neighbourhood import neighbourhood
from ._random import normal, share

ABOUT = {
    "correlated": {
        "label": "Correlated between neighbours",
        "summary": "Neighbouring pixels, or whole rows or columns, have noise in common; how far "
        "it reaches is measured on the recording.",
        "when": "Filtered, resampled, demosaiced or registered recordings; cameras that add noise "
        "to whole rows or columns.",
    },
}

Square = tuple[tuple[float, ...], ...]


class Correlated(Lit):
    r"""``y = z + n``, n Gaussian, of mean zero, in each (Y, X) plane.

    .. math::
        \operatorname{Cov}(n_i, n_{i+k}) = s_i s_{i+k}\, \rho_k
        + \sigma_r^2\, [k_y = 0] + \sigma_c^2\, [k_x = 0],
        \quad s_i^2 = \sigma^2 + \gamma\, (z_i - o)

    with ρ the autocorrelation at lags up to 3 pixels, and row and column noise that all
    pixels of a row or column share; o is the offset. What is not given is measured; γ is 0
    where σ is given alone, and where the recording does not show clearly that noise follows the light.

    ``recorrupt`` is exact: :math:`y_1 = y + \sqrt{\alpha / (1 - \alpha)}\, \omega` with ω of
    the covariance Σ of n, and :math:`y_2 = (y - (1 - \alpha) y_1) / \alpha`, so that the
    covariance of y1 and y2 is :math:`\Sigma - \Sigma = 0`. Where γ > 0 that is as good as the
    brightness around a pixel is known, from the mean of 7 x 7 pixels.

    References
    ----------
    .. [1] C. Broaddus, A. Krull, M. Weigert, U. Schmidt, G. Myers, "Removing Structured Noise
       with Self-Supervised Blind-Spot Networks", ISBI 2020,
       :doi:`10.1109/ISBI45749.2020.9098336`
    """

    sigma: float | None = Field(
        None,
        gt=0,
        le=1e6,
        title="Noise level",
        description="Standard deviation of the noise, that of rows and columns apart: everywhere, or with a gain "
        "where there is no light; measured on the recording if left empty.",
        json_schema_extra={"unit": "ADU"},
    )
    gain: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Gain",
        description="By how much the variance grows with the light, after all that spread the noise (less than "
        "the camera's); measured on the recording if left empty, but 0 if only the noise level is given.",
        json_schema_extra={"unit": "ADU per photon"},
    )
    row_sigma: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Row noise",
        description="Standard deviation of what all pixels of a row have in common; measured on "
        "the recording if left empty.",
        json_schema_extra={"unit": "ADU"},
    )
    column_sigma: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Column noise",
        description="Standard deviation of what all pixels of a column have in common; measured "
        "on the recording if left empty.",
        json_schema_extra={"unit": "ADU"},
    )
    autocorrelation: Square | None = Field(
        None,
        title="Autocorrelation",
        description="Of the noise at the lags -r..r in y and x, r at most 3, with 1 in the middle; "
        "measured on the recording if left empty.",
    )

    @field_validator("autocorrelation")
    @classmethod
    def _sound(cls, rows: Square | None) -> Square | None:
        if rows is None:
            return None
        side = len(rows)
        if side not in range(1, 2 * REACH + 2, 2) or any(len(row) != side for row in rows):
            raise ValueError("input should be a square of 1, 3, 5 or 7 rows of as many numbers")
        table = np.array(rows)
        middle = table[side // 2, side // 2]
        if middle != 1 or np.abs(table).max() > 1 or not np.allclose(table, table[::-1, ::-1]):
            raise ValueError("input should be symmetric, 1 in the middle and -1 to 1 elsewhere")
        return rows

    _lengths: ClassVar = ("sigma", "gain", "row_sigma", "column_sigma")

    #: Mean brightness of the recording above the offset, in the units of the model.
    _typical: float = PrivateAttr(0.0)

    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy that knows how strong the noise is, who shares it, and the clipping limits."""
        given = self.model_dump()
        if given["gain"] is None and given["sigma"] is not None:
            given["gain"] = 0.0
        if None in given.values():
            found = neighbourhood(planes, levels, given["gain"])
            given = {k: found[k] if v is None else v for k, v in given.items()}
        model = self.model_copy(update=given)
        model._limit(levels)
        light = [np.clip(plane - levels.offset, 0, None).mean() for plane in planes]
        model._typical = float(np.mean(light)) if light else 0.0
        return model

    def variance(self, z: Tensor) -> Tensor:
        """That of a pixel, row and column noise included, before any clipping."""
        return self._own(self._light(z)) + self._lines

    def unbiased_variance(self, y: Tensor) -> Tensor:
        """From the brightness around each pixel: of single ones read noise would count as light."""
        return self.deviation(y).square()

    @property
    def typical(self) -> float:
        """The mean of the recording."""
        return self._offset + self._typical

    @property
    def correlated(self) -> bool:
        """Yes, even where nothing was found: a small recording may not tell."""
        return True

    def sharing(self, mask: Tensor) -> Tensor:
        """The masked pixels (bool) and all whose noise is correlated with that of one of them."""
        support = torch.from_numpy(self._rho != 0).to(mask.device, torch.float32)
        found = _planewise(mask.float(), support) > 0.5
        if self._known("row_sigma") > 0:
            found = found | mask.any(-1, keepdim=True)
        if self._known("column_sigma") > 0:
            found = found | mask.any(-2, keepdim=True)
        return found

    def correlate(self, b: Tensor) -> Tensor:
        """``R b`` with R the correlation of the noise from pixel to pixel, at a typical brightness."""
        typical = torch.full_like(b, self._typical)
        return self._covary(b, typical) / (self._own(typical) + self._lines)

    def covary(self, b: Tensor, y: Tensor) -> Tensor:
        """``Σ b`` with Σ the covariance of the noise, its brightness that of y around each pixel."""
        return self._covary(b, self._light(smooth(y)))

    def sample(self, z: Tensor, generator: Generator) -> Tensor:
        """A draw of y, clipped as the camera clips."""
        return self._clip(z + self._draw(z, generator))

    def log_likelihood(self, y: Tensor, z: Tensor) -> Tensor:
        """Of each pixel by itself, before any clipping."""
        v = self.variance(z)
        return -0.5 * ((y - z) ** 2 / v + torch.log(2 * math.pi * v))

    def recorrupt(self, y: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """Noise of the same covariance added to one and taken from the other."""
        alpha = share(alpha)
        first = y + math.sqrt(alpha / (1 - alpha)) * self._draw(smooth(y), generator)
        return first, (y - (1 - alpha) * first) / alpha

    def tweedie(self, y: Tensor, score: Tensor) -> Tensor:
        """``y + Σ score`` with Σ the covariance of the noise: exact where γ = 0."""
        return y + self.covary(score, y)

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        if self.sigma is None or self.autocorrelation is None:
            return "Correlated noise; how strong it is and how far it reaches is measured."
        dy, dx = np.abs(np.argwhere(self._rho != 0) - len(self._rho) // 2).max(0)
        words = "Correlated noise"
        if self.gain:
            words += f", gain {self.gain * self._scale:.3g} ADU per photon"
        if not self.gain or self.sigma**2 > 0.01 * self.gain * self._typical:
            words += f", standard deviation {self.sigma * self._scale:.3g} ADU"
            words += " in the dark" if self.gain else ""
        words += f", shared up to {dy} rows and {dx} columns away" if dy or dx else ""
        for name, value in (("rows", self.row_sigma), ("columns", self.column_sigma)):
            words += f", that of whole {name} {value * self._scale:.3g} ADU" if value else ""
        return words + ("; the clipping of the camera is allowed for." if self._clips() else ".")

    @property
    def _rho(self) -> NDArray[np.float64]:
        if self.autocorrelation is None:
            raise InputError(
                "The 'autocorrelation' of Correlated noise is not known yet; "
                "give a square of numbers, or have it measured on the recording."
            )
        return np.array(self.autocorrelation)

    def _move(self, scale: float, offset: float) -> None:
        super()._move(scale, offset)
        self._typical /= scale

    @property
    def _lines(self) -> float:
        """Variance of what whole rows and columns share."""
        return self._known("row_sigma") ** 2 + self._known("column_sigma") ** 2

    def _own(self, light: Tensor) -> Tensor:
        """Variance of the rest, ``light`` above the offset."""
        return self._known("gain") * light + self._known("sigma") ** 2

    def _covary(self, b: Tensor, light: Tensor) -> Tensor:
        kernel = torch.from_numpy(self._rho).to(b.device, b.dtype)
        deviation = self._own(light).sqrt()
        mixed = deviation * _planewise(deviation * b, kernel)
        if self._lines > 0:
            mixed = mixed + self._known("row_sigma") ** 2 * b.sum(-1, keepdim=True)
            mixed = mixed + self._known("column_sigma") ** 2 * b.sum(-2, keepdim=True)
        return mixed

    def _draw(self, z: Tensor, generator: Generator) -> Tensor:
        """A draw of n, through the square root of its power spectrum on a torus too large to wrap."""
        rho = torch.from_numpy(self._rho).to(z.device, z.dtype)
        side = len(rho)
        *rest, h, w = z.shape
        grid = (h + side - 1, w + side - 1)
        white = normal(z.new_empty((*rest, *grid)), generator)
        placed = z.new_zeros(grid)
        at = torch.arange(side, device=z.device) - side // 2
        for row, dy in zip(rho, at.tolist(), strict=True):
            placed[dy].index_add_(0, at % grid[1], row)
        power = torch.fft.fft2(placed).real.clamp_min(0)
        power = power / power.mean()  # the variance stays that of rho where it is not quite valid
        mixed = torch.fft.ifft2(torch.fft.fft2(white) * power.sqrt()).real[..., :h, :w]
        noise: Tensor = self._own(self._light(z)).sqrt() * mixed
        if self._lines > 0:
            noise = noise + self._known("row_sigma") * normal(z[..., :1], generator)
            noise = noise + self._known("column_sigma") * normal(z[..., :1, :], generator)
        return noise


def _planewise(images: Tensor, kernel: Tensor) -> Tensor:
    """Each (Y, X) plane convolved with a symmetric kernel, zero outside."""
    planes = images.reshape(-1, 1, *images.shape[-2:])
    found: Tensor = conv2d(planes, kernel[None, None], padding=len(kernel) // 2)
    return found.reshape(images.shape)
