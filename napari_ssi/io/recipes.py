"""The recipe inside a result, and where its PSF lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

from ..errors import InputError
from ..recipe import Part, Recipe

#: Marks our annotation among others in OME-XML.
NAMESPACE = "napari-ssi/restoration"


def read_recipe(path: str | Path) -> Recipe:
    """The recipe of a result (OME-TIFF written here) or of a ``.json`` file.

    A relative PSF path is taken from the folder of ``path``.

    Raises
    ------
    InputError
        No such file, no recipe in it, or a recipe that does not fit this version.
    """
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        recipe = Recipe.load(path)
    else:
        text = read_annotation(path).get("recipe")
        if text is None:
            raise InputError(
                f"{path.name} holds no recipe; give a result that was saved here, or a "
                ".recipe.json file."
            )
        recipe = Recipe.from_json(text)

    def found(psf: dict[str, Any]) -> dict[str, Any]:
        full = (path.parent / psf["path"]).resolve() if "path" in psf else None
        return psf if full is None else {**psf, "path": str(full)}

    return with_psfs(recipe, [found(p) for p in psfs(recipe)])


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
    except (OSError, ValueError, IndexError, ElementTree.ParseError) as error:
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


def beside(recipe: Recipe, folder: Path) -> Recipe:
    """A copy whose PSF paths suit a recipe in ``folder``.

    Relative where the PSF lies in or below that folder, so that the folder may be
    moved as a whole; absolute otherwise, so that the result may.
    """

    def moved(psf: dict[str, Any]) -> dict[str, Any]:
        if "path" not in psf:
            return psf
        full, home = Path(psf["path"]).resolve(), folder.resolve()
        where = full.relative_to(home) if full.is_relative_to(home) else full
        return {**psf, "path": where.as_posix()}

    return with_psfs(recipe, [moved(p) for p in psfs(recipe)])


def ascii_json(text: str) -> str:
    """The same JSON on one line, in ASCII, which survives any reader of TIFF tags."""
    return json.dumps(json.loads(text))
