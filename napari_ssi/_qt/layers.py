"""What a napari layer says of itself, as an ImageStack; and where its results belong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
import pint
from napari.layers import Image, Layer
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from ..errors import InputError
from ..stack import AXES, ImageStack

#: Set in the metadata of layers that only show work in progress.
WORKING = "napari_ssi_working"

_NAMES = {
    "time": "T",
    "frame": "T",
    "channel": "C",
    "plane": "Z",
    "depth": "Z",
    "slice": "Z",
    "height": "Y",
    "row": "Y",
    "width": "X",
    "column": "X",
}
_WORDS = {"T": "time", "C": "channels", "Z": "z-stack"}


@dataclass(frozen=True)
class Frame:
    """A layer's place in the world and its looks, kept so that results outlive the layer.

    ``offset`` is where a region begins in the layer's pixels, per axis of its data.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: Any
    shear: Any
    affine: Any
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]
    contrast_limits: tuple[float, float]
    colormap: Any
    gamma: float
    offset: tuple[int, ...] = ()

    @classmethod
    def of(cls, layer: Image, axes: str) -> Frame:
        """From a layer whose data has these axes."""
        labels = layer.axis_labels
        if not all(label.strip("-").isalpha() for label in labels):
            labels = tuple(axes.lower())
        low, high = (float(v) for v in layer.contrast_limits)
        return cls(
            name=layer.name,
            axes=axes,
            shape=tuple(pixels(layer).shape),
            scale=tuple(float(s) for s in layer.scale),
            translate=tuple(float(t) for t in layer.translate),
            rotate=np.array(layer.rotate),
            shear=np.array(layer.shear),
            affine=np.array(layer.affine.affine_matrix),
            units=tuple(layer.units),
            axis_labels=tuple(labels),
            contrast_limits=(low, high if high > low else low + 1),
            colormap=layer.colormap,
            gamma=float(layer.gamma),
            offset=(0,) * layer.ndim,
        )

    def at(self, offset: Sequence[float]) -> Frame:
        """The same for a region that begins at ``offset``, in pixels of the layer."""
        linear = Affine(scale=self.scale, rotate=self.rotate, shear=self.shear).linear_matrix
        moved = np.asarray(self.translate) + linear @ np.asarray(offset, float)
        return replace(self, translate=tuple(moved.tolist()), offset=tuple(map(int, offset)))

    def finer(self, zoom: Sequence[float]) -> Frame:
        """The same for pixels divided by ``zoom`` along each axis: their areas coincide."""
        moved = self.at([(1 - z) / (2 * z) for z in zoom])
        scale = tuple(s / z for s, z in zip(self.scale, zoom, strict=True))
        return replace(moved, scale=scale, offset=self.offset)

    def to_data(self, world: Sequence[float]) -> NDArray[np.float64]:
        """Pixel coordinates, from the region's corner, of a point in the world."""
        n = len(self.shape)
        matrix = np.eye(n + 1)
        linear = Affine(scale=self.scale, rotate=self.rotate, shear=self.shear).linear_matrix
        matrix[:n, :n], matrix[:n, n] = linear, self.translate
        point = np.zeros(n + 1)
        point[n] = 1
        near = np.asarray(world, float)[-n:]
        point[n - len(near) : n] = near
        return np.linalg.solve(self.affine @ matrix, point)[:n]

    def settings(self) -> dict[str, Any]:
        """Keyword arguments for a layer that lies in the same place and looks the same."""
        return {
            "scale": self.scale,
            "translate": self.translate,
            "rotate": self.rotate,
            "shear": self.shear,
            "affine": self.affine,
            "units": self.units,
            "axis_labels": self.axis_labels,
            "contrast_limits": self.contrast_limits,
            "colormap": self.colormap,
            "gamma": self.gamma,
        }


def pixels(layer: Image) -> Any:
    """The layer's array, of a pyramid the full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def refusal(layer: Layer | None) -> str:
    """Why a layer cannot be restored, in one sentence; ``""`` where it may."""
    if layer is None:
        return "There is no image to restore: open one, or drop a file onto the window."
    if not isinstance(layer, Image):
        kind = type(layer).__name__.lower()
        return f"{layer.name!r} is a {kind} layer; choose an image layer with the recording itself."
    if layer.rgb:
        return (
            f"{layer.name!r} is a colour (RGB) image: its channels are mixed and often compressed; "
            "split it into channels, or open the original recording."
        )
    if layer.ndim > 5:
        return f"{layer.name!r} has {layer.ndim} axes; at most five (T, C, Z, Y, X) are understood."
    return ""


def detected_axes(layer: Image) -> str:
    """Axes from the layer's labels, or the likeliest by their number."""
    letters = [_letter(label) for label in layer.axis_labels]
    if all(letters) and len(set(letters)) == len(letters) and {"Y", "X"} <= set(letters):
        return "".join(letters)
    return {2: "YX", 3: "ZYX", 4: "TZYX", 5: "TCZYX"}.get(layer.ndim, "YX"[: layer.ndim])


def axes_choices(ndim: int, detected: str) -> list[tuple[str, str]]:
    """What the axes may be: ``(letters, words)``, the detected ones among them."""
    choices = ["".join(lead) + "YX" for lead in permutations("TCZ", max(0, ndim - 2))]
    choices.sort(key=lambda axes: [AXES.index(a) for a in axes])
    if ndim == 3:
        choices = ["ZYX", "TYX", "CYX"]
    if detected not in choices:
        choices.insert(0, detected)
    described = []
    for axes in choices:
        words = ", ".join(_WORDS[a] for a in axes if a in _WORDS)
        described.append((axes, f"{axes}  ·  {words}" if words else f"{axes}  ·  one plane"))
    return described


def detected_pixel_size(layer: Image, axes: str) -> tuple[float, ...] | None:
    """µm along ([Z,] Y, X); ``None`` where the layer does not say.

    A scale without a unit is taken for µm, as most readers mean it; a scale of 1
    without a unit says nothing.
    """
    order = [axes.index(a) for a in "ZYX" if a in axes]
    sizes, known = [], False
    for axis in order:
        size, unit = float(layer.scale[axis]), layer.units[axis]
        micrometre = pint.get_application_registry().Unit("micrometer")
        if unit.is_compatible_with(micrometre):
            size = float(pint.get_application_registry().Quantity(size, unit).to("um").magnitude)
            known = True
        elif size != 1:
            known = True
        sizes.append(abs(size))
    return tuple(sizes) if known and all(s > 0 for s in sizes) else None


def to_stack(
    layers: Sequence[Image], axes: str, pixel_size: tuple[float, ...] | None
) -> ImageStack:
    """One layer as it is, or several of one shape as channels, without copying."""
    for layer in layers or [None]:
        reason = refusal(layer)
        if reason:
            raise InputError(reason)
    arrays = [pixels(layer) for layer in layers]
    if len(arrays) == 1:
        return ImageStack(arrays[0], axes, pixel_size, (), layers[0].name)
    shapes = {tuple(a.shape) for a in arrays}
    if len(shapes) > 1:
        raise InputError(
            "Layers that count as channels must have the same shape; got "
            + ", ".join("x".join(map(str, s)) for s in sorted(shapes))
            + ". Select fewer layers."
        )
    if "C" in axes:
        raise InputError("The selected layers have channels already; select just one of them.")
    import dask.array as da

    lazy = [
        da.from_array(a, name=False) if isinstance(a, np.ndarray) else da.asarray(a) for a in arrays
    ]
    names = tuple(layer.name for layer in layers)
    return ImageStack(da.stack(lazy), "C" + axes, pixel_size, names, names[0])


def from_file(path: str) -> Image:
    """A file as a layer with its axes and pixel size; raises :class:`InputError`."""
    from .. import io

    stack = io.read(path)
    size = dict(zip(stack.spatial, stack.scale, strict=True))
    unit = "um" if stack.pixel_size else "pixel"
    return Image(
        stack.data,
        name=stack.name,
        scale=[size.get(a, 1.0) for a in stack.axes],
        units=[unit if a in size else "pixel" for a in stack.axes],
        axis_labels=list(stack.axes.lower()),
    )


def from_header(layer: Image) -> ImageStack | None:
    """What the layer's file says of axes and pixel size, where the layer itself says nothing.

    napari's own reader of TIFF files hands over the pixels alone.
    """
    path = layer.source.path
    bare = all(_letter(label) == "" for label in layer.axis_labels)
    if not bare or not path or not str(path).lower().endswith((".tif", ".tiff")):
        return None
    from .. import io

    try:
        stack = io.read(path)
    except Exception:  # the pixels are there already; the header is a bonus
        return None
    return stack if stack.shape == tuple(pixels(layer).shape) else None


def _letter(label: str) -> str:
    label = label.strip().lower()
    if label.upper() in AXES and len(label) == 1:
        return label.upper()
    return _NAMES.get(label, "")
