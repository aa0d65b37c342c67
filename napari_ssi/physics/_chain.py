"""Forward models one after the other, as one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PrivateAttr
from torch import Tensor
from torch.nn.functional import pad

from .base import Halo, Physics, crop


class Chain(Physics):
    r"""``A = A_n … A_2 A_1``: the first link is next to the object, the last next to the camera.

    The measurement of a link is the object of the next one, halo included. Halos add up; where
    the sum is no whole number of measured pixels, the object is a little larger, with a rim
    that has no part in A.
    """

    _links: list[Physics] = PrivateAttr(default_factory=list)
    _halo: Halo = PrivateAttr(())
    _zoom: tuple[int, ...] = PrivateAttr(())
    _rim: Halo = PrivateAttr(())

    @abstractmethod
    def made(self) -> list[Physics]:
        """The links, not yet bound, as the parameters describe them."""

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Bind the links, from the camera to the object; ``psf`` is for the first that takes one."""
        super().bind(shape, pixel_size)
        links = self.made()
        taker = next((link for link in links if "psf" in type(link).model_fields), None)
        notes: list[str] = []
        flat: int | None = len(shape)
        while flat is not None:  # a link that works plane by plane makes all the others do so
            size, pixels = tuple(shape)[-flat:], tuple(pixel_size)[-flat:]
            flat = None
            for link in reversed(links):
                notes += link.bind(size, pixels, psf if link is taker else None)
                if link.ndim is not None and link.ndim < len(size):
                    flat = link.ndim
                    break
                zoom = link.zoom or (1,) * len(size)
                pixels = tuple(p / z for p, z in zip(pixels, zoom, strict=True))
                size = link.object_shape(size)
        self._join(links)
        return list(dict.fromkeys(notes))

    def _join(self, links: list[Physics]) -> None:
        """Take bound links, and add up what they need."""
        self._links = links
        self._halo, self._zoom, self._rim = (), (), ()
        ndim = max((max(len(link.halo), len(link.zoom)) for link in links), default=0)
        if not ndim:
            return
        zoom = [1] * ndim
        reach = [(0, 0)] * ndim  # in pixels of the object so far
        for link in reversed(links):
            halo, finer = link.halo or ((0, 0),) * ndim, link.zoom or (1,) * ndim
            reach = [
                ((a + c) * z, (b + d) * z)
                for (a, b), (c, d), z in zip(reach, halo, finer, strict=True)
            ]
            zoom = [f * z for f, z in zip(zoom, finer, strict=True)]
        self._zoom = tuple(zoom) if max(zoom) > 1 else ()
        self._halo = tuple((-(-a // z), -(-b // z)) for (a, b), z in zip(reach, zoom, strict=True))
        self._rim = tuple(
            (c * z - a, d * z - b)
            for (a, b), (c, d), z in zip(reach, self._halo, zoom, strict=True)
        )

    def calibrate(self, scale: float, offset: float) -> None:
        """Tell all links."""
        for link in self._links:
            link.calibrate(scale, offset)

    @property
    def halo(self) -> Halo:
        """Of all links together."""
        return self._halo

    @property
    def zoom(self) -> tuple[int, ...]:
        """The product of all."""
        return self._zoom

    @property
    def ndim(self) -> int | None:
        """That of the link that is particular about it."""
        return next((link.ndim for link in self._links if link.ndim is not None), None)

    @property
    def linear(self) -> bool:
        """Whether all are."""
        return all(link.linear for link in self._links)

    @property
    def invariant(self) -> bool:
        """Whether all are."""
        return all(link.invariant for link in self._links)

    def A(self, x: Tensor) -> Tensor:
        """One link after the other."""
        x = crop(x, self._rim)
        for link in self._links:
            x = link.A(x)
        return x

    def A_adjoint(self, y: Tensor) -> Tensor:
        """Their adjoints, backwards."""
        for link in reversed(self._links):
            y = link.A_adjoint(y)
        flat = [p for pair in reversed(self._rim) for p in pair]
        return pad(y, flat) if any(flat) else y

    def passes(self, spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
        """What all links leave."""
        for link in self._links:
            spectrum = link.passes(spectrum)
        return spectrum

    def part(self, starts: Sequence[Sequence[int]], shape: Sequence[int]) -> Physics:
        """The same with the parts of its links; itself, where these are all alike."""
        parts: list[Physics] = []
        for link in reversed(self._links):
            parts.insert(0, link.part(starts, shape))
            starts, shape = [link.finer(start) for start in starts], link.object_shape(shape)
        if all(part is link for part, link in zip(parts, self._links, strict=True)):
            return self
        copy = self.model_copy()
        copy._links = parts
        return copy

    def missing(self, y: Tensor) -> Tensor | None:
        """What the last link, which stands next to the camera, misses."""
        return self._links[-1].missing(y) if self._links else None

    def symmetries(self, ndim: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Those that all links have."""
        found = super().symmetries(ndim)
        for link in self._links:
            theirs = link.symmetries(ndim)
            found = [move for move in found if move in theirs]
        return found

    def to(self, device: torch.device | str) -> Self:
        """Move all links to ``device``, in place; returns itself."""
        super().to(device)
        for link in self._links:
            link.to(device)
        return self
