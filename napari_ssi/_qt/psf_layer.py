"""A PSF that was made, and the layer that carries it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from ..psf.beads import Bead
from ..psf.inspection import Inspection

if TYPE_CHECKING:
    import napari

#: Set in the metadata of layers that hold a PSF; what it is and how it was made stands there.
PSF = "napari_ssi_psf"


@dataclass(frozen=True)
class MadePSF:
    """A PSF with its voxel size (µm, ([Z,] Y, X)), where it comes from, and what was found in it.

    ``kernel`` is what a restoration would make of it. Several, one per depth, are (K, Z, Y, X); ``depths``
    among the facts then says which is which, in µm below the first plane of the recording.
    """

    array: NDArray[np.floating]
    voxel_size: tuple[float, ...]
    name: str
    facts: Mapping[str, Any]
    kernel: NDArray[np.floating]
    inspection: Inspection
    notes: tuple[str, ...] = ()
    beads: tuple[Bead, ...] = ()

    def to_layer(self) -> Image:
        """As :func:`to_layer`."""
        return to_layer(self.array, self.voxel_size, self.name, self.facts)

    @property
    def scale(self) -> tuple[float, ...]:
        """µm along each axis of the layer."""
        return _scale(self.array, self.voxel_size, self.facts)

    def renew(self, layer: Image) -> None:
        """Put it into a layer that held an earlier one."""
        layer.data = self.array
        layer.scale = self.scale
        layer.contrast_limits = _limits(self.array)
        layer.name = self.name
        layer.metadata = {**layer.metadata, PSF: dict(self.facts)}


def to_layer(
    array: NDArray[np.floating],
    voxel_size: tuple[float, ...] | None,
    name: str,
    facts: Mapping[str, Any],
) -> Image:
    """A PSF, or several by ``depths`` among the facts, as a layer with scale, units and provenance.

    ``voxel_size`` is in µm, ([Z,] Y, X); ``None`` where it is not known.
    """
    n = array.ndim
    return Image(
        array,
        name=name,
        scale=None if voxel_size is None else _scale(array, voxel_size, facts),
        units=("pixel" if voxel_size is None else "um",) * n,
        axis_labels=("depth", "z", "y", "x")[-n:],
        colormap="magma",
        contrast_limits=_limits(array),
        metadata={PSF: dict(facts)},
    )


def add_beside(viewer: napari.viewer.Viewer, layer: Image) -> None:
    """Add a layer without selecting it; hidden where it would lie on a recording."""
    layer.visible = not len(viewer.layers)
    selected = set(viewer.layers.selection)
    viewer.add_layer(layer)
    if selected:
        viewer.layers.selection = selected


def _scale(
    array: NDArray[np.floating], voxel_size: tuple[float, ...], facts: Mapping[str, Any]
) -> tuple[float, ...]:
    """µm along each axis of the layer."""
    if array.ndim == len(voxel_size):
        return voxel_size
    first, second, *_ = facts["depths"]
    return (second - first, *voxel_size)


def _limits(array: NDArray[np.floating]) -> tuple[float, float]:
    """From nothing to the peak."""
    return 0.0, float(array.max())


def is_psf(layer: Any) -> bool:
    """Whether a layer is likely to hold a PSF, by its metadata or its name."""
    return PSF in layer.metadata or "psf" in layer.name.lower()


def optics_of(layer: Any) -> dict[str, float]:
    """Numerical aperture, wavelength and index that a layer's PSF was computed for, if they are known."""
    facts = layer.metadata.get(PSF)
    known = facts.get("optics") if isinstance(facts, Mapping) else None
    return dict(known) if isinstance(known, Mapping) else {}


def depths_of(layer: Any) -> list[float]:
    """Depths (µm below the first plane of the recording) of the PSFs in a layer; ``[]`` if it holds one.

    So it is where what stands in the metadata is not one number a PSF, rising.
    """
    facts = layer.metadata.get(PSF)
    known = facts.get("depths") if isinstance(facts, Mapping) else None
    try:
        depths = [float(d) for d in known or ()]
    except (TypeError, ValueError):
        return []
    # NaN is not below anything
    fits = layer.ndim == 4 and len(depths) == len(layer.data)
    rising = all(a < b < math.inf for a, b in itertools.pairwise(depths))
    return depths if fits and rising else []
