"""Which part of a recording a try is made on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Shapes

from ..errors import InputError
from ..stack import MIN_SIZE, ImageStack
from .layers import Frame, pixels

if TYPE_CHECKING:
    import napari

#: A region is not made smaller than this along Y and X, so that there is something to learn from.
SMALLEST = 32


def add_drawing(viewer: napari.viewer.Viewer, layer: Image) -> Shapes:
    """A layer to drag rectangles on, in the place and unit of the image."""
    shapes = viewer.add_shapes(
        ndim=layer.ndim,
        name="Region to try",
        scale=layer.scale,
        translate=layer.translate,
        units=layer.units,
        axis_labels=layer.axis_labels,
        face_color="transparent",
        edge_color="yellow",
    )
    shapes.mode = "add_rectangle"
    return shapes


def add_painting(viewer: napari.viewer.Viewer, layer: Image, axes: str) -> Labels:
    """A labels layer to mark pixels in, in the place of the image; of one time and channel only."""
    spatial = len([a for a in axes if a in "ZYX"])
    n = spatial if not set(axes[-spatial:]) - set("ZYX") else layer.ndim
    labels = viewer.add_labels(
        np.zeros(pixels(layer).shape[-n:], np.uint8),
        name="Unusable pixels",
        scale=layer.scale[-n:],
        translate=layer.translate[-n:],
        rotate=layer.rotate[-n:, -n:],
        units=layer.units[-n:],
        axis_labels=layer.axis_labels[-n:],
    )
    labels.brush_size = 1
    labels.mode = "paint"
    return labels


def drawn(viewer: napari.viewer.Viewer, layer: Image, axes: str) -> tuple[slice, slice]:
    """The (Y, X) range of the rectangle drawn last, selected ones first."""
    shapes = [s for s in viewer.layers if isinstance(s, Shapes) and s.visible and s.nshapes]
    if not shapes:
        raise InputError(
            "No rectangle is drawn: press “Draw”, drag one over the image, or choose the whole image."
        )
    source = next((s for s in reversed(shapes) if s in viewer.layers.selection), shapes[-1])
    chosen = sorted(source.selected_data)
    corners = np.atleast_2d(source.data[chosen[-1] if chosen else -1])
    world = np.array([source.data_to_world(c) for c in corners])
    return _range(world, layer, axes)


def in_view(viewer: napari.viewer.Viewer, layer: Image, axes: str) -> tuple[slice, slice]:
    """The (Y, X) range that the canvas shows now."""
    if viewer.dims.ndisplay != 2:
        raise InputError("The current view is 3D; switch to 2D, or draw a rectangle.")
    camera = viewer.scene.camera
    boxes = viewer.canvas.grid.actual_shape(viewer.layers)
    half = np.asarray(viewer.canvas.size, float) / boxes / camera.zoom / 2
    centre = np.asarray(camera.center[-2:], float)
    shown = list(viewer.dims.displayed)
    world = np.tile(np.asarray(viewer.dims.point, float), (2, 1))
    world[0, shown], world[1, shown] = centre - half, centre + half
    return _range(world, layer, axes)


def crop(
    stack: ImageStack,
    frames: tuple[Frame, ...],
    window: tuple[slice, slice],
    time: int | None,
) -> tuple[ImageStack, tuple[Frame, ...]]:
    """The part of a recording inside ``window`` (Y, X), at one time point if given."""
    start = dict(zip("YX", (w.start for w in window), strict=True))
    whole = (slice(None),) * (stack.ndim - 2)
    part = stack.crop((*whole, *window))
    if time is not None and "T" in stack.axes:
        start["T"] = time
        one = tuple(slice(time, time + 1) if a == "T" else slice(None) for a in stack.axes)
        part = replace(part, data=part.data[one])
    moved = tuple(f.at([start.get(a, 0) for a in f.axes]) for f in frames)
    return part, moved


def _range(world: np.ndarray, layer: Image, axes: str) -> tuple[slice, slice]:
    ndim = layer.ndim
    if world.shape[1] < ndim:  # drawn in fewer dimensions: the last ones
        world = np.pad(world, ((0, 0), (ndim - world.shape[1], 0)))
    data = np.array([layer.world_to_data(w) for w in world[:, -ndim:]])
    data = data.round(4)  # so that an edge between two pixels stays one
    found = []
    for axis in "YX":
        i = axes.index(axis)
        size = layer.data.shape[i] if not layer.multiscale else layer.data[0].shape[i]
        low = int(np.floor(data[:, i].min() + 0.5))
        high = int(np.ceil(data[:, i].max() + 0.5))
        low, high = max(0, low), min(size, high)
        if high <= low:
            raise InputError("The region lies outside the image; draw it over the image.")
        found.append(_at_least(low, high, min(size, SMALLEST), size))
    return found[0], found[1]


def _at_least(low: int, high: int, least: int, size: int) -> slice:
    least = max(least, min(size, MIN_SIZE))
    if high - low < least:
        low = max(0, min((low + high - least) // 2, size - least))
        high = low + least
    return slice(low, high)
