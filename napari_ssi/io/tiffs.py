"""TIFF, OME-TIFF, ImageJ and BigTIFF, by tifffile."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..errors import InputError
from . import damage
from .found import Found
from .scale import tiff_channels, tiff_scale

#: Bytes up to which a file is loaded whole, so that it may be moved or overwritten meanwhile.
IN_MEMORY = 1 << 28


def open_tiff(path: Path, notes: list[str]) -> Found:
    """Open the largest series of a TIFF, lazily where it is large.

    Raises
    ------
    InputError
        Damaged, incomplete, or compressed in a way that cannot be read here.
    """
    with _quiet():
        linked, broken = damage.follow(path)
        try:
            tif = tifffile.TiffFile(path)
        except Exception as error:
            if broken:
                raise damage.cut_short(path, linked) from error
            raise
        try:
            series = _largest(path, tif, notes)
            notes += damage.check(path, tif, series)
            axes = series.axes
            if _samples_are_channels(tif, series):
                axes = axes.replace("S", "C")
            found = Found(None, axes, tiff_scale(tif, series, notes), tiff_channels(tif, series))
            if "S" in axes and series.nbytes > IN_MEMORY:
                return Found(_Shape(series.shape, series.dtype), axes)  # will be refused as colour
            data = _pixels(path, tif, series)
        except BaseException as error:
            tif.close()
            if broken and not isinstance(error, InputError):
                raise damage.cut_short(path, linked) from error
            raise
        if isinstance(data, np.ndarray):
            tif.close()
    return Found(data, axes, found.scale, found.channels)


def _largest(path: Path, tif: tifffile.TiffFile, notes: list[str]) -> tifffile.TiffPageSeries:
    series = [s for s in tif.series if s.size > 0]
    if not series:
        raise InputError(f"{path.name} holds no image; copy it again from where it came.")
    best = max(series, key=lambda s: s.nbytes)  # the first of equals
    if len(series) > 1:
        which = f" ({best.name})" if best.name else ""
        notes.append(
            f"The file holds {len(series)} images; number {series.index(best) + 1}{which}, the "
            "largest, is used."
        )
    return best


def _samples_are_channels(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> bool:
    """Whether the samples of a pixel are channels of a microscope, rather than a colour."""
    if "C" in series.axes or "S" not in series.axes:
        return False
    if tif.is_imagej:
        return (tif.imagej_metadata or {}).get("mode") in ("composite", "grayscale", "color")
    return series.keyframe.photometric in (0, 1)  # grey


def _pixels(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Any:
    """In memory where small, mapped where the file allows it, else by chunks through zarr."""
    try:
        if series.nbytes <= IN_MEMORY:
            return series.asarray(maxworkers=1)
        series.keyframe.asarray(maxworkers=1)  # a codec that is missing shows at once
    except (ValueError, NotImplementedError, KeyError, RuntimeError) as error:
        compression = getattr(series.keyframe.compression, "name", series.keyframe.compression)
        if compression in (1, "NONE"):
            raise
        raise InputError(
            f"{path.name} is compressed with {compression}, which cannot be read here "
            f"({' '.join(str(error).split())[:120]}); save it without compression."
        ) from error
    if series.dataoffset is not None and not series.is_multifile:
        return tifffile.memmap(path, series=tif.series.index(series), mode="r")
    import zarr

    array = zarr.open(series.aszarr(), mode="r")
    weakref.finalize(array, tif.close)  # the file stays open as long as its pixels may be read
    return array


class _Shape:
    """Stands for pixels that will not be read."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep tifffile's remarks on every odd tag off the terminal: what matters is checked here."""
    logger = logging.getLogger("tifffile")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
