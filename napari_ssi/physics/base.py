"""What every forward model offers.

Shapes are those of the engine, ``(N, C, [Z,] Y, X)``, float32. The *measurement*
``y`` is what the camera saw; the *object* ``x`` is larger by the halo, because
beyond the edge of the picture the specimen goes on, unknown: it is neither zero
nor mirrored nor periodic there.
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

from ..configured import Configured

Halo = tuple[tuple[int, int], ...]


class Physics(Configured, ABC):
    """A linear forward model ``A``: what the camera would see of an object, without noise.

    A subclass gives :meth:`A` and :meth:`A_adjoint`, and sets ``halo`` in
    :meth:`bind` if it needs one.
    """

    _device: torch.device = PrivateAttr(default_factory=lambda: torch.device("cpu"))
    _pixel_size: tuple[float, ...] | None = PrivateAttr(None)

    @property
    def halo(self) -> Halo:
        """Pixels (before, after) by which the object exceeds the measurement, per spatial axis."""
        return ()

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
        """The linear, object-shaped input of the network: y, extended by reflection."""
        return extend(y, self.halo)

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
        return crop(x, self.halo)

    def object_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Spatial shape of the object for a measurement of spatial ``shape``."""
        halo = self.halo or ((0, 0),) * len(shape)
        return tuple(n + before + after for n, (before, after) in zip(shape, halo, strict=True))

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


def crop(x: Tensor, halo: Halo) -> Tensor:
    """Undo :func:`extend`."""
    for axis, (before, after) in enumerate(halo, start=2):
        x = x.narrow(axis, before, x.shape[axis] - before - after)
    return x
