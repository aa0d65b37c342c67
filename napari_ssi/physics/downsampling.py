"""A camera whose pixels are coarser than the picture that is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, field_validator
from torch import Tensor

from ..errors import InputError
from ..psf.source import PSFSource
from ._chain import Chain
from ._passed import by_blocks
from .base import Physics, dihedral
from .blur import Blur

ABOUT = {
    "downsampling": {
        "label": "Coarse pixels (restore at finer sampling)",
        "summary": "Each pixel of the camera is the mean of several of the restored image, which "
        "may be blurred by a PSF besides.",
        "when": "The pixels are coarser than what the optics resolve: binning, a short tube lens.",
        "traits": ["linear", "mixing"],
    },
    "isotropic": {
        "label": "Coarse z-steps (restore cubic voxels)",
        "summary": "Planes far apart, as a sharp or blurred stack with cubic voxels would give them.",
        "when": "The z-step is several times the pixel size, and the axial PSF is known.",
        "traits": ["linear", "mixing"],
        "params": {"factor": [1], "isotropic": True},
    },
}

#: The largest factor along an axis: what lies between is made up beyond that.
MOST = 16


class Downsampling(Chain):
    r"""Blur on a fine grid, then the mean over blocks of pixels.

    .. math:: (A x)_i = \frac{1}{\prod f} \sum_{k < f} (h * x)_{f i + k}

    for factors f along each axis, so that an even image keeps its brightness. The restored image
    has f times as many pixels as the recording, each 1/f as large; its first pixel's centre lies
    (f − 1)/(2 f) pixels of the recording before that of the recording's first. Planes are thin:
    along z the middle one of f (or the two in the middle) is taken, not the mean.
    The PSF h, if there is one, is sampled on the fine grid.

    Examples
    --------
    >>> import torch
    >>> physics = Downsampling(factor=(2,))
    >>> _ = physics.bind((16, 16), (0.2, 0.2))
    >>> physics.object_shape((16, 16))
    (32, 32)
    >>> physics.A(torch.ones(1, 1, 32, 32)).shape
    torch.Size([1, 1, 16, 16])
    """

    factor: tuple[int, ...] = Field(
        (2,),
        title="Finer by",
        description="Pixels of the restored image per pixel of the recording: one number for Y "
        "and X, or three for Z, Y, X.",
        json_schema_extra={"unit": "pixels per pixel"},
    )
    isotropic: bool = Field(
        False,
        title="Cubic voxels",
        description="Divide the z-step by the whole number that makes the voxels as nearly cubic "
        "as can be; then only Y and X follow the factor.",
    )
    thin_planes: bool = Field(
        True,
        title="Thin planes",
        description="A plane shows what lies at its own depth; otherwise the mean over the z-step. "
        "The depth of focus belongs to the PSF.",
        json_schema_extra={"advanced": True},
    )
    psf: PSFSource | None = Field(
        None,
        title="PSF",
        description="Point-spread function on the grid of the restored image; none for no blur.",
    )

    _given: bool = PrivateAttr(False)
    _factors: tuple[int, ...] = PrivateAttr(())

    @field_validator("factor")
    @classmethod
    def _whole(cls, factor: tuple[int, ...]) -> tuple[int, ...]:
        if not 1 <= len(factor) <= 3 or any(not 1 <= f <= MOST for f in factor):
            raise ValueError(f"input should be one to three whole numbers from 1 to {MOST}")
        return factor

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Work out the factors, then bind blur and binning."""
        self._given = psf is not None
        self._factors = self.factors(pixel_size)
        return super().bind(shape, pixel_size, psf)

    def factors(self, pixel_size: Sequence[float]) -> tuple[int, ...]:
        """Along each spatial axis of images with this pixel size (µm)."""
        ndim = len(pixel_size)
        factor = self.factor * 2 if len(self.factor) == 1 else self.factor
        factor = ((1,) * (ndim - len(factor)) + factor)[-ndim:]
        if not self.isotropic:
            return factor
        if ndim < 3:
            raise InputError(
                "Cubic voxels need a z-stack, and a PSF of the stack or none; for one plane choose a "
                "factor instead."
            )
        fine = pixel_size[-1] / factor[-1]
        along = max(1, round(pixel_size[0] / fine))
        if along > MOST:
            raise InputError(
                f"The z-step of {pixel_size[0]:g} µm is {along} times the pixel size of {fine:g} µm, "
                f"and at most {MOST} planes can be restored from one; check the pixel size."
            )
        return (along, *factor[1:])

    def made(self) -> list[Physics]:
        """The blur, if there is one, and the binning."""
        blur = [Blur(psf=self.psf)] if self._given or self.psf is not None else []
        return [*blur, Binning(self._factors, thin=self.thin_planes)]


class Binning(Physics):
    """The mean over blocks, in any number of dimensions; along z of the planes in the middle."""

    _factors: tuple[int, ...] = PrivateAttr()
    _thin: bool = PrivateAttr()

    def __init__(self, factors: Sequence[int], *, thin: bool = True) -> None:
        super().__init__()
        self._factors = tuple(factors)
        self._thin = thin

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """For planes, those of the factors that are in the plane; the others must be 1."""
        if any(f > 1 for f in self._factors[: -len(shape)]):
            raise InputError(
                "Finer z-steps need a PSF of the stack or none; a PSF of one plane restores each "
                "plane by itself."
            )
        self._factors = self._factors[-len(shape) :]
        return super().bind(shape, pixel_size)

    @property
    def zoom(self) -> tuple[int, ...]:
        """The factors."""
        return self._factors if max(self._factors) > 1 else ()

    def A(self, x: Tensor) -> Tensor:
        """Weigh the pixels of each block."""
        for axis, weights in self._blocks():
            parts = [
                w * x[(slice(None),) * axis + (slice(k, None, len(weights)),)]
                for k, w in enumerate(weights)
                if w
            ]
            x = sum(parts[1:], start=parts[0])
        return x

    def A_adjoint(self, y: Tensor) -> Tensor:
        """Give each pixel of a block its share."""
        for axis, weights in self._blocks():
            w = y.new_tensor(weights).reshape(-1, *(1,) * (y.ndim - 1 - axis))
            y = (y.unsqueeze(axis + 1) * w).flatten(axis, axis + 1)
        return y

    def passes(self, spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
        """Frequencies that coarse pixels cannot tell apart become one."""
        for axis, weights in self._blocks():
            in_plane = axis - 2 - len(self._factors) + 2
            if in_plane >= 0:
                spectrum = by_blocks(spectrum, in_plane, weights)
        return spectrum

    def symmetries(self, ndim: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """All flips; and swaps where the pixels are divided alike."""
        square = self._factors[-1] == self._factors[-2]
        return [m for m in dihedral(ndim) if square or m[0] == tuple(range(ndim))]

    def _blocks(self) -> list[tuple[int, list[float]]]:
        """The axes that are binned, and the weights within a block."""
        found = []
        for number, f in enumerate(self._factors):
            if f == 1:
                continue
            weights = [1.0 / f] * f
            if len(self._factors) == 3 and number == 0 and self._thin:
                middle = {(f - 1) // 2, f // 2}
                weights = [1.0 / len(middle) if k in middle else 0.0 for k in range(f)]
            found.append((2 + number, weights))
        return found
