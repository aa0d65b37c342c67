"""What every forward model offers.

Shapes are those of the engine, ``(N, C, [Z,] Y, X)``, float32. The *measurement*
``y`` is what the camera saw; the *object* ``x`` is larger by the halo, because
beyond the edge of the picture the specimen goes on, unknown: it is neither zero
nor mirrored nor periodic there. The object may also be sampled more finely: each
pixel of the measurement, and of the halo around it, is then divided into ``zoom``
pixels of the object along each axis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PrivateAttr
from torch import Tensor
from torch.nn.functional import interpolate

from ..configured import Configured

Halo = tuple[tuple[int, int], ...]


class Physics(Configured, ABC):
    """A forward model ``A``: what the camera would see of an object, without noise.

    A subclass gives :meth:`A` and :meth:`A_adjoint`, and sets ``halo`` and ``zoom`` in
    :meth:`bind` if it needs them; :meth:`part` if it treats places differently, and
    :meth:`missing` if some pixels say nothing.
    """

    _device: torch.device = PrivateAttr(default_factory=lambda: torch.device("cpu"))
    _pixel_size: tuple[float, ...] | None = PrivateAttr(None)

    @property
    def halo(self) -> Halo:
        """Pixels (before, after) of the measurement by which the object exceeds it, per spatial axis.

        ``()`` for none.
        """
        return ()

    @property
    def zoom(self) -> tuple[int, ...]:
        """Pixels of the object per pixel of the measurement, per spatial axis; ``()`` for one."""
        return ()

    @property
    def linear(self) -> bool:
        """Whether ``A`` is linear; else ``A_adjoint`` is only that of its linear part."""
        return True

    @property
    def invariant(self) -> bool:
        """Whether ``A`` is one convolution, the same everywhere, on the grid of the measurement."""
        return not any(z > 1 for z in self.zoom)

    @property
    def identity(self) -> bool:
        """Whether ``A x = x``: there is noise to remove, and nothing to undo."""
        return not any(sum(pair) for pair in self.halo) and not any(z > 1 for z in self.zoom)

    @property
    def ndim(self) -> int | None:
        """The number of spatial axes it acts on once bound; ``None`` for any."""
        return None

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Make ready for images of spatial ``shape`` and ``pixel_size`` (µm per axis).

        ``psf`` is a point-spread function already in memory (from a layer), which
        takes the place of the one the parameters point to. Returns sentences for
        the user on what was found and mended; raises
        :class:`~napari_ssi.errors.InputError` where it cannot work. A subclass calls
        this one too.
        """
        self._pixel_size = tuple(float(size) for size in pixel_size)
        return []

    def calibrate(self, scale: float, offset: float) -> None:
        """Be told the engine's units: 1 stands for ``scale`` above ``offset`` in the recording."""
        return

    @property
    def pixel_size(self) -> tuple[float, ...] | None:
        """The pixel size (µm per spatial axis) it was bound to; ``None`` before."""
        return self._pixel_size

    @abstractmethod
    def A(self, x: Tensor) -> Tensor:
        """The forward model: object to measurement."""

    @abstractmethod
    def A_adjoint(self, y: Tensor) -> Tensor:
        """The adjoint: ``<A(x), y> == <x, A_adjoint(y)>`` for all x, y."""

    def initial(self, y: Tensor) -> Tensor:
        """The linear, object-shaped input of the network: y extended by reflection, and upsampled."""
        return upsample(extend(y, self.halo), self.zoom)

    def upsample(self, y: Tensor) -> Tensor:
        """y on the grid of the object (linear), as :meth:`initial`, without the halo."""
        return upsample(y, self.zoom)

    def passes(self, spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is left at most in the measurement of an object with this modulus of the spectrum.

        Over the frequencies in the plane: (Y, X) in the order of the FFT, of the object's grid going in
        and of the measurement's coming out.
        """
        return spectrum

    def part(self, starts: Sequence[Sequence[int]], shape: Sequence[int]) -> Physics:
        """The forward model of windows of the measurement, one for each image of a batch.

        ``starts`` are their first pixels in the measurement it is bound to, ``shape`` is that
        of each. Itself, where all places are alike.
        """
        return self

    def missing(self, y: Tensor) -> Tensor | None:
        """Pixels (bool) of a whole measurement ``(1, 1, *shape)`` that say nothing of the object.

        They count in no loss and no baseline, and what sees y sees their neighbours instead.
        ``None``: there are none. Whatever ``A`` predicts of them is compared with nothing.
        """
        return None

    def retaken(self, y: Tensor) -> Tensor:
        """As :meth:`initial`, of a measurement that ``A`` has just made: beyond it nothing is known."""
        return self.initial(y)

    def target(self, y: Tensor) -> Tensor:
        """The part of y that ``A`` predicts: all of it, except within a training window."""
        return y

    def hidden(self, mask: Tensor) -> Tensor:
        """The mask, with all copies that y holds of a masked pixel masked like it (see training)."""
        return mask

    def unseen(self, mask: Tensor) -> Tensor:
        """Those of the masked pixels that no part of the network's input has seen otherwise."""
        return mask

    def crop(self, x: Tensor) -> Tensor:
        """The part of the object that lies under the measurement."""
        return crop(x, scaled(self.halo, self.zoom))

    def extent(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Spatial ``shape`` of a measurement and the halo around it, in pixels of the measurement."""
        halo = self.halo or ((0, 0),) * len(shape)
        return tuple(n + before + after for n, (before, after) in zip(shape, halo, strict=True))

    def object_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Spatial shape of the object for a measurement of spatial ``shape``."""
        return self.finer(self.extent(shape))

    def finer(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A length or a place along each axis, counted in pixels of the object."""
        zoom = self.zoom or (1,) * len(shape)
        return tuple(n * z for n, z in zip(shape, zoom, strict=True))

    def symmetries(self, ndim: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Flips and swaps of the spatial axes that commute with ``A``.

        Each is ``(axes order, axes to flip afterwards)``, the identity first.
        Only Y and X are swapped; planes are flipped in z.
        """
        return dihedral(ndim)

    @property
    def device(self) -> torch.device:
        """Where it stands; restorers work there."""
        return self._device

    def to(self, device: torch.device | str) -> Self:
        """Move its tensors to ``device``, in place; returns itself."""
        self._device = torch.device(device)
        return self


def dihedral(ndim: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """All flips of the axes, with and without a swap of the last two."""
    orders = [tuple(range(ndim))]
    orders.append((*range(ndim - 2), ndim - 1, ndim - 2))
    flips = [tuple(a for a in range(ndim) if bits >> a & 1) for bits in range(1 << ndim)]
    return [(order, flip) for order in orders for flip in flips]


def transform(image: Tensor, order: Sequence[int], flips: Sequence[int]) -> Tensor:
    """Apply one of :meth:`Physics.symmetries` to ``(N, C, *spatial)``."""
    if tuple(order) != tuple(range(len(order))):
        image = image.permute(0, 1, *(2 + a for a in order))
    return image.flip([2 + a for a in flips]) if flips else image


def reflected(start: int, stop: int, length: int) -> NDArray[np.intp]:
    """Indices ``start … stop - 1`` folded into ``0 … length - 1`` by reflection about the edges.

    The edge pixel is not repeated; works for any distance beyond the edge.
    """
    index = np.arange(start, stop)
    if length == 1:
        return np.zeros_like(index)
    index = np.mod(index, 2 * (length - 1))
    return np.minimum(index, 2 * (length - 1) - index)


def extend(y: Tensor, halo: Halo) -> Tensor:
    """Extend the spatial axes by ``halo``, by reflection."""
    for axis, (before, after) in enumerate(halo, start=2):
        if before or after:
            n = y.shape[axis]
            index = torch.as_tensor(reflected(-before, n + after, n), device=y.device)
            y = y.index_select(axis, index)
    return y


def scaled(halo: Halo, zoom: Sequence[int]) -> Halo:
    """A halo counted in pixels of the object."""
    if not zoom:
        return halo
    return tuple((a * z, b * z) for (a, b), z in zip(halo, zoom, strict=True))


def upsample(y: Tensor, zoom: Sequence[int]) -> Tensor:
    """Divide each pixel into ``zoom``, linearly between their centres; beyond these the nearest."""
    if not any(z > 1 for z in zoom):
        return y
    size = [n * z for n, z in zip(y.shape[2:], zoom, strict=True)]
    mode = "bilinear" if len(size) == 2 else "trilinear"
    with torch.autocast(y.device.type, enabled=False):
        return interpolate(y, size=size, mode=mode, align_corners=False)


def crop(x: Tensor, halo: Halo) -> Tensor:
    """Undo :func:`extend`."""
    for axis, (before, after) in enumerate(halo, start=2):
        x = x.narrow(axis, before, x.shape[axis] - before - after)
    return x
