"""The recipe inside a result, and where its PSF and mask lie."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..errors import InputError
from ..physics._mask import PackedMask
from ..psf.source import sha256
from ..recipe import Part, Recipe

#: What tifffile raises of a file that is damaged or half written.
DAMAGED = (
    OSError, ValueError, LookupError, TypeError, struct.error, ElementTree.ParseError
)  # fmt: skip
#: Marks our annotation among others in OME-XML.
NAMESPACE = "napari-ssi/restoration"


def read_recipe(path: str | Path) -> Recipe:
    """The recipe of a result (OME-TIFF written here) or of a ``.json`` file.

    Relative paths of PSFs and masks are taken from the folder of ``path``.

    Raises
    ------
    InputError
        No such file, no recipe in it, or a recipe that does not fit this version.
    """
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        return Recipe.load(path)
    text = read_annotation(path).get("recipe")
    if text is None:
        raise InputError(
            f"{path.name} holds no recipe; give a result that was saved here, or a "
            ".recipe.json file."
        )
    return Recipe.from_json(text).found_from(path.parent)


def read_annotation(path: str | Path) -> dict[str, str]:
    """What a result says of itself: JSON texts by ``recipe``, ``provenance``, ``estimates`` …

    Empty for a file that was not written here.
    """
    path = Path(path)
    try:
        with tifffile.TiffFile(path) as tif:
            root = ElementTree.fromstring(tif.ome_metadata or "<none/>")
    except FileNotFoundError:
        raise InputError(f"There is no file {path}; check the spelling and the folder.") from None
    except DAMAGED as error:
        raise InputError(f"{path.name} cannot be read as TIFF ({error}).") from None
    for annotation in root.iter():
        if annotation.get("Namespace") == NAMESPACE:
            entries = (e for e in annotation.iter() if e.tag.endswith("}M"))
            return {e.get("K", ""): e.text or "" for e in entries}
    return {}


def psfs(recipe: Recipe) -> list[dict[str, Any]]:
    """The PSF sources of a recipe: none, one, or one per channel."""
    psf = recipe.physics.params.get("psf")
    found = psf if isinstance(psf, list | tuple) else [psf]
    return [dict(p) for p in found if isinstance(p, dict)]


def with_psfs(recipe: Recipe, sources: list[dict[str, Any]]) -> Recipe:
    """A copy of the recipe with other PSF sources; the same recipe if there are none."""
    if not sources:
        return recipe
    kept = sources if len(sources) > 1 else sources[0]
    params = {**recipe.physics.params, "psf": kept}
    return recipe.model_copy(update={"physics": Part(name=recipe.physics.name, params=params)})


def with_mask_file(recipe: Recipe, name: str) -> tuple[Recipe, NDArray[np.bool_] | None]:
    """A copy that points to the file ``name`` for a mask that it holds, and that mask, if any."""
    found: list[NDArray[np.bool_]] = []

    def filed(key: str, value: Any) -> Any:
        if key != "mask" or not isinstance(value, dict) or value.get("kind") != "bits":
            return value
        found.append(PackedMask(**value).array())
        return {"kind": "file", "path": name, "sha256": sha256(found[-1])}

    recipe = recipe.with_physics(filed)  # a chain has one mask at most: it comes last
    return recipe, found[0] if found else None


def ascii_json(text: str) -> str:
    """The same JSON on one line, in ASCII, which survives any reader of TIFF tags."""
    return json.dumps(json.loads(text))
