"""A result becomes an OME-TIFF that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..errors import InputError
from ..psf.source import sha256
from ..stack import AXES
from . import recipes
from .atomic import atomically

if TYPE_CHECKING:  # it brings torch along, which reading and writing do not need
    from ..recipe import Recipe
    from ..restoration import Restoration

ENDINGS = (".tif", ".tiff")
#: Bytes from which a file needs 64-bit offsets, with room for the metadata.
BIG = 2**32 - 2**25


def write(restoration: Restoration, path: str | Path) -> Path:
    """Save a result: ``NAME.ome.tif``, and beside it ``NAME.recipe.json``.

    The OME-TIFF is float32 in the units of the recording, with pixel size and
    channel names; recipe, provenance, estimates and notes are inside as JSON
    (:func:`read_recipe`). A PSF that was handed over in memory is saved as
    ``NAME.psf.tif`` (``NAME.psf-0.tif`` … one per channel), a mask that stands in the recipe as
    ``NAME.mask.tif``, and the recipe points to them by relative path and hash. All of it is
    written, or nothing.

    Raises
    ------
    InputError
        The name ends in something else, the folder is missing or cannot be
        written, the disk is full, or the target is a PSF of the recipe.
    """
    source = restoration.source
    return write_image(
        restoration.image,
        source.axes,
        source.pixel_size,
        path,
        recipe=restoration.recipe,
        psf=restoration.psf,
        facts={
            "provenance": plain_json(restoration.provenance),
            "estimates": plain_json(restoration.estimates),
            "notes": plain_json(list(restoration.notes)),
        },
        channel_names=source.channel_names,
    )


def write_image(
    array: NDArray[Any],
    axes: str,
    pixel_size: Sequence[float] | None,
    path: str | Path,
    *,
    recipe: Recipe | None = None,
    psf: Sequence[NDArray[Any]] | None = None,
    facts: Mapping[str, str] | None = None,
    channel_names: Sequence[str] = (),
) -> Path:
    """Save any image as OME-TIFF; with a recipe, as :func:`write` does.

    Parameters
    ----------
    array, axes
        Pixels and a letter per axis, from T C Z Y X in any order.
    pixel_size
        µm per pixel, ([Z,] Y, X); ``None`` where it is not known.
    recipe, psf
        How it was made, and the PSF that was in memory, if any.
    facts
        Further JSON texts to be kept inside, by name (``provenance`` …).

    Raises
    ------
    InputError
        As :func:`write`.
    """
    path = checked(path)
    stem = path.name.removesuffix(path.suffix).removesuffix(".ome")
    kept = dict(facts or {})
    targets = [path]
    in_memory: list[NDArray[Any]] = []
    if recipe is not None:
        recipe, mask = recipes.with_mask_file(recipe.beside(path.parent), f"{stem}.mask.tif")
        targets.append(path.with_name(f"{stem}.recipe.json"))
        in_memory = _in_memory(recipe, psf)
        several = len(in_memory) > 1
        names = [
            f"{stem}.psf-{i}.tif" if several else f"{stem}.psf.tif" for i in range(len(in_memory))
        ]
        targets += [path.with_name(name) for name in names]
        sources = [
            {"kind": "file", "path": name, "sha256": sha256(array)}
            for name, array in zip(names, in_memory, strict=True)
        ]
        recipe = recipes.with_psfs(recipe, sources)
        if mask is not None:
            in_memory.append(mask.astype(np.uint8))
            targets.append(path.with_name(f"{stem}.mask.tif"))
        kept["recipe"] = recipe.to_json()
    with atomically(*targets) as temporary:
        _write_tiff(
            temporary[0],
            array,
            axes,
            pixel_size,
            channel_names=channel_names,
            name=stem,
            facts=kept,
        )
        if recipe is not None:
            temporary[1].write_text(kept["recipe"] + "\n", encoding="utf-8")
        for place, one in zip(temporary[2:], in_memory, strict=True):
            tifffile.imwrite(place, one, photometric="minisblack")
    return path


def checked(path: str | Path) -> Path:
    """The path, if a result may have this name."""
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise InputError(
            f"A result is an OME-TIFF: its name must end in .ome.tif, .tif or .tiff; got {path.name!r}."
        )
    return path


def plain_json(value: Any) -> str:
    """JSON of mappings, numpy numbers and whatever else provenance holds, in ASCII."""

    def simpler(item: Any) -> Any:
        if isinstance(item, Mapping):
            return dict(item)
        if isinstance(item, np.generic | np.ndarray):
            return item.tolist()
        return str(item)

    return json.dumps(dict(value) if isinstance(value, Mapping) else value, default=simpler)


def _in_memory(recipe: Recipe, psf: Sequence[NDArray[Any]] | None) -> list[NDArray[Any]]:
    """The PSFs that are in no file and follow from no number, one per channel or one for all."""
    sources = recipes.psfs(recipe)
    if psf is None or any(s.get("kind", "file") != "array" for s in sources):
        return []
    return list(psf)


def _write_tiff(
    path: Path,
    array: NDArray[Any],
    axes: str,
    pixel_size: Sequence[float] | None,
    *,
    channel_names: Sequence[str],
    name: str,
    facts: Mapping[str, str],
) -> None:
    order = [axes.index(a) for a in AXES if a in axes]
    array = np.asarray(array).transpose(order)
    letters = "".join(axes[i] for i in order)
    metadata: dict[str, Any] = {"axes": letters, "Name": name}
    spatial = "ZYX" if "Z" in axes else "YX"
    resolution = None
    if pixel_size is not None:
        for axis, size in zip(spatial, pixel_size, strict=True):
            metadata[f"PhysicalSize{axis}"] = float(size)
            metadata[f"PhysicalSize{axis}Unit"] = "µm"
        # for programs that look at the plain tags only
        resolution = (1e4 / pixel_size[-1], 1e4 / pixel_size[-2])
    n_channels = array.shape[letters.index("C")] if "C" in letters else 1
    if channel_names and len(channel_names) >= n_channels and any(channel_names):
        metadata["Channel"] = {"Name": [str(n) for n in channel_names[:n_channels]]}
    if facts:
        texts = {k: recipes.ascii_json(v) for k, v in facts.items()}
        metadata["MapAnnotation"] = {"Namespace": recipes.NAMESPACE, "Value": texts}
    tifffile.imwrite(
        path,
        array,
        ome=True,
        bigtiff=array.nbytes > BIG,
        photometric="minisblack",
        resolution=resolution,
        resolutionunit="CENTIMETER" if resolution else None,
        metadata=metadata,
    )
