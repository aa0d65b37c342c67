"""A PSF in a file, with the voxel size that the file states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tifffile

from ..psf.source import read_psf, sha256
from .reading import TIFF
from .scale import tiff_scale


def psf_source(path: str | Path) -> dict[str, Any]:
    """A file's PSF as recipes name it: path, hash, and the voxel size where the file states one."""
    path = Path(path)
    source: dict[str, Any] = {
        "kind": "file",
        "path": str(path.resolve()),
        "sha256": sha256(read_psf(path)),
    }
    size = stated_voxel_size(path)
    return source if size is None else {**source, "voxel_size": list(size)}


def stated_voxel_size(path: str | Path, notes: list[str] | None = None) -> tuple[float, ...] | None:
    """µm, (Z, Y, X), or (Y, X) where no z-step is known; ``None`` where the file states none.

    From OME or ImageJ metadata, as for a recording. What cannot be read states nothing.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "psf.tif"
    >>> size = {"axes": "YX", "PhysicalSizeX": 0.05, "PhysicalSizeY": 0.05}
    >>> tifffile.imwrite(path, np.eye(9, dtype="f4"), ome=True, metadata=size)
    >>> stated_voxel_size(path)
    (0.05, 0.05)
    """
    path = Path(path)
    if path.suffix.lower() not in TIFF:
        return None
    try:
        with tifffile.TiffFile(path) as tif:
            series = tif.series[0]
            scale = tiff_scale(tif, series, [] if notes is None else notes)
            planes = sum(n > 1 for n in series.shape) > 2
    except Exception:  # a damaged file is refused, in words, where its pixels are read
        return None
    axes = "ZYX" if planes and "Z" in scale else "YX"
    return tuple(scale[a] for a in axes) if set(axes) <= set(scale) else None


def with_voxel_size(source: Any, notes: list[str]) -> Any:
    """A recipe's PSF source, with what its file states where the recipe does not say."""
    if not isinstance(source, dict) or "path" not in source or source.get("voxel_size"):
        return source
    return {**source, "voxel_size": stated_voxel_size(source["path"], notes)}
