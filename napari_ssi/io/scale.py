"""Pixel sizes and channel names from what a TIFF says about itself."""

from __future__ import annotations

from collections.abc import Mapping

import tifffile

from .damage import ome_pixels
from .length import LARGEST, micrometres

#: µm per unit of the TIFF tag ResolutionUnit.
_TAG_UNITS = {2: "inch", 3: "cm"}


def tiff_scale(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, notes: list[str]
) -> dict[str, float]:
    """µm per pixel by axis letter, as far as the file says; adds to ``notes``.

    OME's PhysicalSize goes before ImageJ's tags, and these before the plain
    resolution tags, which are believed only where they fit a microscope.
    """
    pixels = ome_pixels(tif, series) if tif.is_ome else None
    if pixels is not None:
        return ome_scale(pixels.attrib)
    if tif.is_imagej:
        metadata = tif.imagej_metadata or {}
        unit = metadata.get("unit", "")
        found = _resolution(series.keyframe, unit)
        if "spacing" in metadata:
            found |= _if_known("Z", micrometres(metadata["spacing"], unit))
        elif found and "Z" in series.axes and str(unit).startswith(("mic", "um", "µ", "\\u")):
            found["Z"] = 1.0  # ImageJ leaves the step out when it is 1 unit
            notes.append("No z-step is recorded, which in an ImageJ file means 1 µm; check it.")
    else:
        tag = series.keyframe.tags.get("ResolutionUnit")
        unit = _TAG_UNITS.get(int(tag.value) if tag is not None else 1, "")
        found = _resolution(series.keyframe, unit)
    if found and max(found[a] for a in found if a in "XY") > LARGEST:
        notes.append(
            f"The resolution in the file ({found['X']:.0f} µm per pixel) is that of a print or a "
            "screen, and is not used; give the pixel size."
        )
        return {}
    return found


def ome_scale(attributes: Mapping[str, str]) -> dict[str, float]:
    """From the attributes of OME's ``Pixels``.

    Examples
    --------
    >>> ome_scale({"PhysicalSizeX": "65", "PhysicalSizeXUnit": "nm"})
    {'X': 0.065}
    """
    found: dict[str, float] = {}
    for axis in "XYZ":
        unit = attributes.get(f"PhysicalSize{axis}Unit", "µm")
        found |= _if_known(axis, micrometres(attributes.get(f"PhysicalSize{axis}"), unit))
    return found


def tiff_channels(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> tuple[str, ...]:
    """Channel names, where the file gives any."""
    pixels = ome_pixels(tif, series) if tif.is_ome else None
    if pixels is not None:
        names = [c.get("Name", "") for c in pixels if c.tag.endswith("Channel")]
        return tuple(names) if any(names) else ()
    labels = (tif.imagej_metadata or {}).get("Labels") if tif.is_imagej else None
    if isinstance(labels, list) and "C" in series.axes:
        shape = dict(zip(series.axes, series.shape, strict=True))
        if len(labels) >= shape["C"]:  # a label a plane, channels fastest
            return tuple(str(label) for label in labels[: shape["C"]])
    return ()


def _resolution(page: tifffile.TiffPage, unit: object) -> dict[str, float]:
    found: dict[str, float] = {}
    for axis in "XY":
        tag = page.tags.get(f"{axis}Resolution")
        if tag is None:
            continue
        try:
            pixels, units = tag.value
            found |= _if_known(axis, micrometres(units / pixels, unit))
        except (TypeError, ValueError, ZeroDivisionError):
            continue
    return found if {"X", "Y"} <= set(found) else {}


def _if_known(axis: str, size: float | None) -> dict[str, float]:
    return {} if size is None else {axis: size}
