"""A file becomes an :class:`~napari_ssi.ImageStack`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..stack import ImageStack
from .axes import settle, sizes
from .found import Found

TIFF = (".tif", ".tiff", ".btf", ".tf8", ".lsm")
PICTURES = (".png",)


def read(
    path: str | Path,
    *,
    axes: str | None = None,
    pixel_size: Sequence[float] | float | None = None,
) -> ImageStack:
    """Read a recording: TIFF (OME, ImageJ, BigTIFF), OME-Zarr, .npy or grey PNG.

    Large files are not loaded but mapped or read chunk by chunk.

    Parameters
    ----------
    path
        A file, or the folder of a Zarr.
    axes
        One letter per axis from T, C, Z, Y, X, in place of what the file says.
    pixel_size
        µm per pixel as ([Z,] Y, X), or one number for all, in place of what the
        file says.

    Raises
    ------
    InputError
        One sentence: no such file, another format, damaged or incomplete, an
        unsupported compression, colour, a mask, or axes that do not fit.
    """
    return read_with_notes(path, axes=axes, pixel_size=pixel_size)[0]


def read_with_notes(
    path: str | Path,
    *,
    axes: str | None = None,
    pixel_size: Sequence[float] | float | None = None,
) -> tuple[ImageStack, list[str]]:
    """:func:`read`, and sentences on what had to be guessed or left out."""
    path = Path(path)
    notes: list[str] = []
    found = _open(path, notes)
    letters = axes.upper() if axes else ""
    if not letters:
        _refuse_colour(found, path.name)
        letters = settle(found.axes, found.data.shape, path.name, notes)
    scale: tuple[float, ...] | None
    if pixel_size is None:
        scale = sizes(found.scale, letters, notes)
    else:
        scale = spread(pixel_size, 3 if "Z" in letters else 2)
    stack = ImageStack(found.data, letters, scale, found.channels, _stem(path))
    return stack, notes


def spread(pixel_size: Sequence[float] | float, ndim: int) -> tuple[float, ...]:
    """One pixel size per spatial axis: one number stands for all, (Y, X) leaves z equal to x."""
    values = (pixel_size,) if isinstance(pixel_size, (int, float)) else tuple(pixel_size)
    if len(values) == 1:
        values *= ndim
    if len(values) != ndim:
        wanted = "Z,Y,X" if ndim == 3 else "Y,X"
        raise InputError(
            f"The pixel size must be one number or {wanted} in µm; got {len(values)} numbers."
        )
    return tuple(float(v) for v in values)


def _open(path: Path, notes: list[str]) -> Found:
    """By what the path is and how it ends; each reader is imported when it is needed."""
    ending = path.suffix.lower()
    if not path.exists():
        raise InputError(f"There is no file {path}; check the spelling and the folder.")
    if path.is_dir():
        if ending == ".zarr" or any(
            (path / n).exists() for n in (".zarray", ".zgroup", "zarr.json")
        ):
            from .zarrs import open_zarr

            return open_zarr(path, notes)
        raise InputError(f"{path} is a folder; give a file, or the folder of an OME-Zarr.")
    try:
        if ending in TIFF:
            from .tiffs import open_tiff

            return open_tiff(path, notes)
        if ending == ".npy":
            return _open_npy(path)
        if ending in PICTURES:
            return _open_png(path, notes)
    except InputError:
        raise
    except MemoryError:
        raise InputError(
            f"{path.name} does not fit into memory; convert it to an uncompressed TIFF or a Zarr, "
            "which are read part by part."
        ) from None
    except PermissionError:
        raise InputError(f"{path} may not be read; change its permissions.") from None
    except Exception as error:
        raise InputError(
            f"{path.name} is damaged and cannot be read ({_first(error)}); copy it again from where "
            "it came."
        ) from error
    raise InputError(
        f"{path.name}: files that end in {ending or 'nothing'} are not read here; TIFF, OME-Zarr, "
        ".npy and PNG are. Open it in napari or Fiji and save it as OME-TIFF."
    )


def _open_npy(path: Path) -> Found:
    import numpy as np

    data = np.load(path, mmap_mode="r", allow_pickle=False)
    return Found(data, "QQQQ"[: max(0, data.ndim - 2)] + "YX"[: data.ndim])


def _open_png(path: Path, notes: list[str]) -> Found:
    import imageio.v3 as imageio
    import numpy as np

    data = np.asarray(imageio.imread(path, plugin="pillow"))
    if data.ndim == 3:
        colours = data[..., :3] if data.shape[2] >= 3 else data[..., :1]
        if (colours == colours[..., :1]).all():
            data = colours[..., 0]
            notes.append("The picture is grey, though stored in colour.")
    return Found(data, "YXS"[: data.ndim])


def _refuse_colour(found: Found, name: str) -> None:
    shape: tuple[Any, ...] = tuple(found.data.shape)
    unnamed_rgb = (
        found.axes.startswith("Q") and shape[-1] in (3, 4) and found.data.dtype.itemsize == 1
    )
    if "S" in found.axes or unnamed_rgb:
        letters = found.axes.replace("S", "C") if "S" in found.axes else found.axes[:-3] + "YXC"
        raise InputError(
            f"{name} is a colour (RGB) image, which cannot be restored: its channels are mixed and "
            f"often compressed; open the original recording, or give the axes {letters} if these "
            "are separate channels."
        )


def _stem(path: Path) -> str:
    name = path.name
    for ending in (".ome.tiff", ".ome.tif", ".ome.zarr"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def _first(error: Exception) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:160]}" if words else type(error).__name__
