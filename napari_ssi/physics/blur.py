"""Blur by a point-spread function, in 2D or 3D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, PrivateAttr
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import conv2d, conv3d

from ..errors import InputError
from ..psf.prepare import prepare
from ..psf.source import PSFSource, load
from .base import Halo, Physics, dihedral, transform

ABOUT = {
    "blur": {
        "label": "Blur by a PSF (deconvolve)",
        "summary": "The image is the specimen convolved with a point-spread function, plus noise.",
        "when": "You have a PSF, measured or computed, or know its width.",
    },
}

#: Kernels with at most this many pixels are convolved directly; see benchmarks/convolution.py.
DIRECT = 30


class Blur(Physics):
    r"""Convolution with a PSF h, the object known to go on beyond the edge.

    .. math:: (A x)_i = \sum_k h_k \, x_{i + c - k}, \qquad c = \lfloor s/2 \rfloor

    A true convolution ("valid"): h is not mirrored, its centre is at ``size // 2``
    for odd and even sizes s, and the object is larger than the measurement by
    ``s - 1`` pixels along each axis.

    Examples
    --------
    >>> import numpy as np, torch
    >>> blur = Blur.from_array(np.outer([1, 2, 1], [1, 2, 1]), (32, 32))
    >>> blur.object_shape((32, 32))
    (34, 34)
    >>> blur.A(torch.ones(1, 1, 34, 34)).shape
    torch.Size([1, 1, 32, 32])
    """

    psf: PSFSource | None = Field(
        None, title="PSF", description="Where the point-spread function comes from."
    )
    subtract_background: bool = Field(
        False,
        title="Subtract background",
        description="Subtract the level of the PSF's rim, as for a measured bead with a camera "
        "offset.",
    )

    _kernel: Tensor = PrivateAttr()
    _otf: dict[tuple[int, ...], Tensor] = PrivateAttr(default_factory=dict)

    @classmethod
    def from_array(
        cls, psf: ArrayLike, shape: Sequence[int], *, subtract_background: bool = False
    ) -> Blur:
        """A bound blur from a PSF in memory, for images of spatial ``shape``."""
        blur = cls(subtract_background=subtract_background)
        blur.bind(shape, (1.0,) * len(shape), np.asarray(psf))
        return blur

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Load the PSF if none is given, then check and prepare it (:func:`~..psf.prepare.prepare`)."""
        if psf is None:
            if self.psf is None:
                raise InputError("Blur needs a PSF: choose a layer, a file or a width.")
            psf = load(self.psf, pixel_size)
        prepared = prepare(psf, shape, subtract_background=self.subtract_background)
        self._kernel = torch.from_numpy(prepared.kernel)
        self._otf.clear()
        return list(prepared.notes)

    @property
    def kernel(self) -> Tensor:
        """The prepared PSF: sums to 1, centre at ``size // 2``."""
        return self._kernel

    @property
    def ndim(self) -> int:
        """2 or 3, as the PSF."""
        return self._kernel.ndim

    @property
    def halo(self) -> Halo:
        """``s - 1 - s // 2`` before and ``s // 2`` after, for size s."""
        return tuple((s - 1 - s // 2, s // 2) for s in self._kernel.shape)

    def A(self, x: Tensor) -> Tensor:
        """Convolve, keeping what is fully determined ("valid")."""
        if self._kernel.numel() <= DIRECT:
            # torch's convolution is a correlation: flip the kernel to get a true one
            weight = self._kernel.flip(tuple(range(self.ndim)))[None, None]
            return _conv(x, weight)
        shape = x.shape[-self.ndim :]
        full = self._through_otf(x, shape, conjugate=False)
        for axis, s in enumerate(self._kernel.shape, start=2):
            full = full.narrow(axis, s - 1, x.shape[axis] - s + 1)
        return full

    def A_adjoint(self, y: Tensor) -> Tensor:
        """Correlate, giving the full object shape."""
        pads = [(s - 1) for s in self._kernel.shape]
        if self._kernel.numel() <= DIRECT:
            flat = [p for pad in reversed(pads) for p in (pad, pad)]
            return _conv(torch.nn.functional.pad(y, flat), self._kernel[None, None])
        flat = [p for pad in reversed(pads) for p in (pad, 0)]
        padded = torch.nn.functional.pad(y, flat)
        shape = padded.shape[-self.ndim :]
        return self._through_otf(padded, shape, conjugate=True)

    def symmetries(self, ndim: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """The flips and swaps under which the PSF stays the same to 2 % of its peak."""
        kernel = self._kernel[None, None]
        if any(s % 2 == 0 for s in self._kernel.shape):
            return dihedral(ndim)[:1]
        tolerance = 0.02 * float(kernel.max())
        return [
            (order, flips)
            for order, flips in dihedral(ndim)
            if (moved := transform(kernel, order, flips)).shape == kernel.shape
            and float((moved - kernel).abs().max()) <= tolerance
        ]

    def to(self, device: torch.device | str) -> Self:
        """Move the PSF to ``device``, in place; returns itself."""
        super().to(device)
        self._kernel = self._kernel.to(device)
        self._otf.clear()
        return self

    def _through_otf(self, x: Tensor, shape: Sequence[int], *, conjugate: bool) -> Tensor:
        """Circular convolution (or correlation) on a grid at least ``shape`` large."""
        axes = tuple(range(-self.ndim, 0))
        grid = tuple(int(next_fast_len(n, real=True)) for n in shape)
        otf = self._otf.get(grid)
        if otf is None:
            if len(self._otf) >= 4:  # a run uses two or three sizes; do not hoard
                self._otf.clear()
            otf = self._otf[grid] = torch.fft.rfftn(self._kernel, s=grid, dim=axes)
        spectrum = torch.fft.rfftn(x, s=grid, dim=axes)
        spectrum = spectrum * (otf.conj() if conjugate else otf)
        full = torch.fft.irfftn(spectrum, s=grid, dim=axes)
        for axis, n in zip(axes, shape, strict=True):
            full = full.narrow(axis, 0, n)
        return full


def _conv(x: Tensor, weight: Tensor) -> Tensor:
    return conv2d(x, weight) if weight.ndim == 4 else conv3d(x, weight)
