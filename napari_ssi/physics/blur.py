"""Blur by a point-spread function, in 2D or 3D."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

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
from . import _planes
from ._passed import by_kernel
from .base import Halo, Physics, dihedral, transform

ABOUT = {
    "blur": {
        "label": "Blur by a PSF (deconvolve)",
        "summary": "The image is the specimen convolved with a point-spread function, plus noise.",
        "when": "You have a PSF, measured or computed, or know its width.",
        "traits": ["linear", "mixing", "invariant"],
    },
}

#: Kernels with at most this many pixels, in 2D and in 3D, are convolved directly and larger ones
#: through the FFT, which wins early on a CPU (3 x 3 x 3: by 4; see benchmarks/convolution.py).
DIRECT = {2: 9, 3: 0}

#: From so many pixels of the grid on, a stack goes plane by plane through the FFT on a CPU.
LARGE = 1_000_000

#: Weight (of 1) by which a flipped PSF may differ and still count as the same.
SYMMETRIC = 0.02


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
    #: Whether the kernel was given as it is, and there is no PSF to be prepared.
    _ready: bool = PrivateAttr(False)
    _otf: dict[tuple[tuple[int, ...], torch.dtype, bool], Tensor] = PrivateAttr(
        default_factory=dict
    )

    @classmethod
    def from_array(
        cls, psf: ArrayLike, shape: Sequence[int], *, subtract_background: bool = False
    ) -> Blur:
        """A bound blur from a PSF in memory, for images of spatial ``shape``."""
        blur = cls(subtract_background=subtract_background)
        blur.bind(shape, (1.0,) * len(shape), np.asarray(psf))
        return blur

    @classmethod
    def with_kernel(cls, kernel: NDArray[np.float32]) -> Blur:
        """A blur whose kernel is ready: it sums to 1, and its centre is at ``size // 2``."""
        blur = cls()
        blur._kernel = torch.from_numpy(np.ascontiguousarray(kernel, np.float32))
        blur._ready = True
        return blur

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Load the PSF if none is given, then check and prepare it (:func:`~..psf.prepare.prepare`)."""
        super().bind(shape, pixel_size)
        if self._ready:
            return []
        notes: list[str] = []
        if psf is None:
            if self.psf is None:
                raise InputError("Blur needs a PSF: choose a layer, a file or a width.")
            psf = load(self.psf, pixel_size, notes)
        prepared = prepare(psf, shape, subtract_background=self.subtract_background)
        with torch.inference_mode(False):  # a kernel made in it could not be trained through
            self._kernel = torch.from_numpy(prepared.kernel).to(self.device)
        self._otf.clear()
        return [*notes, *prepared.notes]

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
        """Convolve, keeping what is fully determined ("valid"); float32 or float64 in and out."""
        return self._A_direct(x) if self._small else self._A_fft(x)

    def A_adjoint(self, y: Tensor) -> Tensor:
        """Correlate, giving the full object shape; float32 or float64 in and out."""
        return self._adjoint_direct(y) if self._small else self._adjoint_fft(y)

    def passes(self, spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
        """Times the modulus of the PSF's transform, of a stack the largest along z."""
        return spectrum * by_kernel(self._kernel.cpu().numpy(), spectrum.shape)

    def symmetries(self, ndim: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """The flips and swaps under which the PSF stays the same to 2 % of its weight.

        The blurred image then changes by 2 % of its brightest value at most.
        """
        kernel = self._kernel[None, None]
        if any(s % 2 == 0 for s in self._kernel.shape):
            return dihedral(ndim)[:1]
        return [
            (order, flips)
            for order, flips in dihedral(ndim)
            if (moved := transform(kernel, order, flips)).shape == kernel.shape
            and float((moved - kernel).abs().sum()) <= SYMMETRIC
        ]

    def to(self, device: torch.device | str) -> Self:
        """Move the PSF to ``device``, in place; returns itself."""
        super().to(device)
        with torch.inference_mode(False):
            self._kernel = self._kernel.to(device)
        self._otf.clear()
        return self

    # --- the two ways, which give the same numbers ------------------------------------------

    @property
    def _small(self) -> bool:
        return self._kernel.numel() <= DIRECT[self.ndim]

    def _A_direct(self, x: Tensor) -> Tensor:
        # torch's convolution is a correlation: flip the kernel to get a true one
        return _correlate(x, self._kernel.flip(tuple(range(self.ndim))), (0,) * self.ndim)

    def _adjoint_direct(self, y: Tensor) -> Tensor:
        return _correlate(y, self._kernel, tuple(s - 1 for s in self._kernel.shape))

    def _A_fft(self, x: Tensor) -> Tensor:
        size = x.shape[-self.ndim :]
        if self._large(x, size):
            corner = tuple(s - 1 for s in self._kernel.shape)
            shape = tuple(n - c for n, c in zip(size, corner, strict=True))
            return self._by_planes(x, size, (0,) * 3, corner, shape, adjoint=False)
        full = self._through_otf(x, size, mirrored=False)
        for axis, s in enumerate(self._kernel.shape, start=2):
            full = full.narrow(axis, s - 1, x.shape[axis] - s + 1)
        return full

    def _adjoint_fft(self, y: Tensor) -> Tensor:
        # to correlate is to convolve with the mirrored kernel, whose corner is at the origin, too
        shape = self.object_shape(y.shape[-self.ndim :])
        if self._large(y, shape):
            corner = tuple(s - 1 for s in self._kernel.shape)
            return self._by_planes(y, shape, corner, (0,) * 3, shape, adjoint=True)
        full = self._through_otf(y, shape, mirrored=True)
        for axis, n in enumerate(shape, start=2):
            full = full.narrow(axis, 0, n)
        return full

    def _large(self, x: Tensor, shape: Sequence[int]) -> bool:
        """Whether it goes plane by plane; what is differentiated does not."""
        alone = not (x.requires_grad and torch.is_grad_enabled())
        return self.ndim == 3 and alone and x.device.type == "cpu" and math.prod(shape) >= LARGE

    def _by_planes(
        self,
        x: Tensor,
        size: Sequence[int],
        at: Sequence[int],
        start: Sequence[int],
        shape: Sequence[int],
        *,
        adjoint: bool,
    ) -> Tensor:
        """As :meth:`_through_otf` on a grid at least ``size``, and cropped; one OTF serves both ways."""
        x = _wide(x)
        grid = _grid(size)
        otf = self._transfer(grid, x.dtype, mirrored=False)
        return _planes.convolved(x, otf, grid, at=at, start=start, shape=shape, adjoint=adjoint)

    def _through_otf(self, x: Tensor, shape: Sequence[int], *, mirrored: bool) -> Tensor:
        """Circular convolution with the kernel, or the mirrored one, on a grid at least ``shape``."""
        x = _wide(x)
        axes = tuple(range(-self.ndim, 0))
        grid = _grid(shape)
        spectrum = torch.fft.rfftn(x, s=grid, dim=axes)
        spectrum *= self._transfer(
            grid, x.dtype, mirrored
        )  # in place: a large result costs as much
        full: Tensor = torch.fft.irfftn(spectrum, s=grid, dim=axes)
        return full

    def _transfer(self, grid: tuple[int, ...], dtype: torch.dtype, mirrored: bool) -> Tensor:
        """The transform of the PSF, mirrored or not, on ``grid``; the last few are kept."""
        key = (grid, dtype, mirrored)
        otf = self._otf.get(key)
        if otf is None:
            if len(self._otf) >= 4:  # a run uses two or three; do not hoard
                self._otf.clear()
            # What is made in inference mode could not be used in training afterwards.
            with torch.inference_mode(False):
                axes = tuple(range(self.ndim))
                kernel = self._kernel.flip(axes) if mirrored else self._kernel
                # axis by axis, so that what lies beyond the small kernel is not transformed
                otf = torch.fft.rfft(kernel.to(dtype), n=grid[-1])
                for axis in reversed(axes[:-1]):
                    otf = torch.fft.fft(otf, n=grid[axis], dim=axis)
            self._otf[key] = otf
        return otf


def _grid(shape: Sequence[int]) -> tuple[int, ...]:
    """Lengths at least those of ``shape`` that the FFT is fast with."""
    return tuple(int(next_fast_len(n, real=True)) for n in shape)


def _wide(x: Tensor) -> Tensor:
    """At least single precision: the half precision of mixed training is too coarse to sum over a PSF."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _correlate(x: Tensor, kernel: Tensor, padding: tuple[int, ...]) -> Tensor:
    """Correlate every image of ``(N, C, …)``, padded with zeros, with one kernel."""
    x = _wide(x)
    images = x.reshape(-1, 1, *x.shape[2:])
    with torch.autocast(x.device.type, enabled=False):
        result = _apply(images, kernel.to(x.dtype), padding)
    return result.reshape(*x.shape[:2], *result.shape[2:])


class _Correlation(torch.autograd.Function):
    """Correlation with a fixed kernel, whose gradient is again one: with the kernel mirrored.

    For single channels torch's own gradient is an order of magnitude slower on the CPU.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, kernel: Tensor, padding: tuple[int, ...]) -> Tensor:
        conv = conv2d if kernel.ndim == 2 else conv3d
        return conv(x, kernel[None, None], padding=padding)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, tuple[int, ...]], output: Tensor
    ) -> None:
        _, kernel, ctx.padding = inputs
        ctx.save_for_backward(kernel)
        ctx.save_for_forward(kernel)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (kernel,) = ctx.saved_tensors
        padding = tuple(s - 1 - p for s, p in zip(kernel.shape, ctx.padding, strict=True))
        return _apply(gradient, kernel.flip(tuple(range(kernel.ndim))), padding), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: object) -> Tensor:
        (kernel,) = ctx.saved_tensors
        return _apply(tangent, kernel, ctx.padding)


def _apply(x: Tensor, kernel: Tensor, padding: tuple[int, ...]) -> Tensor:
    result: Tensor = _Correlation.apply(x, kernel, padding)  # type: ignore[no-untyped-call]
    return result
