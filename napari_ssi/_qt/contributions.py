"""What napari's menus call, as napari.yaml says: sample data and the writer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import samples
from ..errors import InputError
from ..io import write_image as write
from ..io.writing import plain_json
from ..recipe import Recipe

LayerData = tuple[NDArray[Any], dict[str, Any], str]

_COLOURS = ("green", "magenta", "cyan", "yellow")


def cells_2d() -> list[LayerData]:
    """Microtubules and vesicles: recording, truth and PSF."""
    return sample_layers("cells_2d")


def nuclei_3d() -> list[LayerData]:
    """Nuclei and membranes as a z-stack: recording, truth and PSF."""
    return sample_layers("nuclei_3d")


def vesicles_timelapse() -> list[LayerData]:
    """Two channels over time: recordings, truths and PSF."""
    return sample_layers("vesicles_timelapse")


def sample_layers(name: str) -> list[LayerData]:
    """The layers of a simulated specimen: the recording in sight, truth and PSF hidden.

    A layer a channel, with scale and units; the metadata say what was simulated.
    """
    sample = samples.make(name)
    stack = sample.stack
    axes = stack.axes.replace("C", "")
    place = _place(axes, stack.scale)
    metadata = {"description": sample.description}
    layers: list[LayerData] = []
    for kind, data in (("", stack.data), ("truth", sample.truth)):
        for channel in range(stack.n_channels):
            index = tuple(channel if a == "C" else slice(None) for a in stack.axes)
            pixels = data[index]
            low, high = (float(v) for v in np.percentile(pixels, (0.5, 99.9)))
            looks: dict[str, Any] = {"contrast_limits": (low, max(high, low + 1))}
            if stack.n_channels > 1:
                looks |= {"colormap": _COLOURS[channel], "blending": "additive"}
            title = f"{stack.channel_name(channel)} {kind}".strip()
            looks |= {"name": title, "visible": not kind, "metadata": metadata}
            layers.append((pixels, {**place, **looks}, "image"))
    psf_axes = "ZYX"[-sample.psf.ndim :]
    psf_place = _place(psf_axes, stack.scale)
    looks = {"name": f"{stack.name} PSF", "visible": False, "metadata": metadata}
    layers.append((sample.psf, {**psf_place, **looks, "colormap": "magma"}, "image"))
    return layers


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """napari's *Save*: one image layer as OME-TIFF, with its recipe if it is a result.

    Raises
    ------
    OSError
        In one sentence. (napari takes a ValueError, which our own error is, for
        "no writer found" and would say nothing.)
    """
    from napari.layers import Image

    from .layers import detected_axes, detected_pixel_size, pixels
    from .psf_layer import PSF

    layer = Image(data, **attributes)
    if layer.rgb:
        raise OSError(f"{layer.name!r} is a colour image; save it with napari's own writer.")
    kept = layer.metadata.get("napari_ssi")
    kept = dict(kept) if isinstance(kept, Mapping) else {}
    text = kept.pop("recipe", None)
    psf = kept.pop("psf", None)  # one array, or one per channel
    psfs = None if psf is None else tuple(psf) if isinstance(psf, list | tuple) else (psf,)
    axes = str(kept.get("axes", ""))
    if len(axes) != layer.ndim:
        axes = detected_axes(layer)
    facts = {k: plain_json(kept[k]) for k in ("provenance", "estimates", "notes") if k in kept}
    made = layer.metadata.get(PSF)
    if isinstance(made, Mapping):
        facts |= {
            k: plain_json(made[k]) for k in ("psf", "depths", "provenance", "notes") if k in made
        }
    try:
        written = write(
            np.asarray(pixels(layer)),
            axes,
            detected_pixel_size(layer, axes),
            path,
            recipe=Recipe.from_json(text) if text else None,
            psf=psfs,
            facts=facts,
        )
    except InputError as error:
        raise OSError(str(error)) from error
    return [str(written)]


def _place(axes: str, scale: tuple[float, ...]) -> dict[str, Any]:
    """Scale, units and axis labels of a layer with these axes."""
    sizes = dict(zip("ZYX"[-len(scale) :], scale, strict=True))
    return {
        "scale": tuple(sizes.get(a, 1.0) for a in axes),
        "units": tuple("micrometer" if a in sizes else "pixel" for a in axes),
        "axis_labels": tuple(axes.lower()),
    }
