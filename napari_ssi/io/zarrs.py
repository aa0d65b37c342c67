"""Zarr arrays and OME-Zarr images (NGFF 0.4 and 0.5): the full-resolution level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InputError
from .found import Found
from .length import micrometres


def open_zarr(path: Path, notes: list[str]) -> Found:
    """Open a Zarr folder; nothing is loaded.

    Raises
    ------
    InputError
        Not a Zarr, no image in it, or a codec that is not installed.
    """
    import zarr

    try:
        node: Any = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Array):
            return Found(node, _unnamed(node.ndim))
        attributes = dict(node.attrs)
        attributes = attributes.get("ome", attributes)  # 0.5 keeps them one level down
        multiscales = attributes.get("multiscales")
        if multiscales:
            return _multiscale(node, multiscales[0], attributes)
        arrays = [array for _, array in node.arrays()]
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{path.name} cannot be read as Zarr ({' '.join(str(error).split())[:160]})."
        ) from error
    if not arrays:
        inside = ", ".join(sorted(node.group_keys())) or "nothing"
        raise InputError(
            f"{path.name} holds no image at its top level, but {inside}; give the folder of one "
            "image inside it."
        )
    best = max(arrays, key=lambda a: a.size)
    if len(arrays) > 1:
        notes.append(f"The Zarr holds {len(arrays)} arrays; {best.name}, the largest, is used.")
    return Found(best, _unnamed(best.ndim))


def _multiscale(group: Any, image: dict[str, Any], attributes: dict[str, Any]) -> Found:
    level = image["datasets"][0]
    array = group[level["path"]]
    described = image.get("axes") or list("tczyx"[-array.ndim :])
    names = [a["name"] if isinstance(a, dict) else a for a in described]
    units = [a.get("unit", "") if isinstance(a, dict) else "" for a in described]
    factors = [1.0] * array.ndim
    for steps in (level.get("coordinateTransformations"), image.get("coordinateTransformations")):
        for step in steps or []:
            if step.get("type") == "scale":
                factors = [f * s for f, s in zip(factors, step["scale"], strict=True)]
    scale = {}
    for name, unit, factor in zip(names, units, factors, strict=True):
        size = micrometres(factor, unit)
        if name in ("z", "y", "x") and size is not None:
            scale[name.upper()] = size
    omero = attributes.get("omero") or {}
    channels = tuple(str(c.get("label", "")) for c in omero.get("channels", []))
    axes = "".join(n[0].upper() if n in ("t", "c", "z", "y", "x") else "Q" for n in names)
    return Found(array, axes, scale, channels)


def _unnamed(ndim: int) -> str:
    return "Q" * max(0, ndim - 2) + "YX"[: max(0, ndim)]
