"""An earlier recipe, out of a result or a file, checked as a whole before any control is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import registry
from ..errors import InputError
from ..io import read_recipe
from ..io.psfs import stated_voxel_size
from ..io.recipes import read_annotation
from ..psf.source import FilePSF, GaussianPSF, load, make_source, read_psf, sha256
from ..recipe import Part, Recipe, Term
from ..stack import ImageStack
from .chain import bound, taken_apart


@dataclass(frozen=True)
class EarlierPSF:
    """A PSF that a recipe names.

    Attributes
    ----------
    source
        As in the recipe.
    origin
        In words, for a layer that holds it.
    sha256
        Of the array, where it is known.
    array, voxel_size
        The PSF, where it could be had, and its voxel size in µm where that is known.
    missing
        Why it could not be had, in one sentence.
    plain
        Whether its file, or its width, alone says all that the recipe says of it.
    """

    source: Mapping[str, Any]
    origin: str = ""
    sha256: str = ""
    array: NDArray[np.floating] | None = None
    voxel_size: tuple[float, ...] | None = None
    missing: str = ""
    plain: bool = False


@dataclass(frozen=True)
class Earlier:
    """A recipe that can be run, in values of the types that their controls show.

    The forward model is ``blur`` and ``links``, as of :func:`~napari_ssi._qt.chain.taken_apart`; ``psfs``
    is one for all channels, or one each.
    """

    name: str
    recipe: Recipe
    blur: Part
    links: tuple[Part, ...]
    psfs: tuple[EarlierPSF, ...]


@dataclass(frozen=True)
class Result:
    """What a result layer says of its making, whatever becomes of the layer."""

    name: str
    text: str
    psf: tuple[NDArray[np.floating], ...] = ()
    pixel_size: tuple[float, ...] | None = None

    @classmethod
    def of(cls, layer: Any) -> Result | None:
        """``None`` where the layer is no result."""
        facts = layer.metadata.get("napari_ssi")
        if not isinstance(facts, Mapping) or not isinstance(facts.get("recipe"), str):
            return None
        size = facts.get("pixel_size")
        return cls(
            layer.name,
            facts["recipe"],
            tuple(np.asarray(psf) for psf in facts.get("psf") or ()),
            tuple(float(s) for s in size) if size else None,
        )

    def read(self, stack: ImageStack) -> Earlier:
        """Its recipe; raises as :func:`checked`."""
        return checked(self.name, lambda: Recipe.from_json(self.text), stack, self)


def read_file(path: str | Path, stack: ImageStack) -> Earlier:
    """The recipe in a file; raises as :func:`checked`."""
    return checked(Path(path).name, lambda: read_recipe(path), stack)


def saved(layer: Any) -> Path | None:
    """The file with a recipe that a layer was opened from."""
    path = layer.source.path
    if path and str(path).lower().endswith((".ome.tif", ".ome.tiff")):
        with suppress(InputError):
            return Path(path) if "recipe" in read_annotation(path) else None
    return None


def checked(
    name: str,
    read: Callable[[], Recipe],
    stack: ImageStack,
    result: Result | None = None,
) -> Earlier:
    """Read a recipe, build each of its parts, and look for its PSFs.

    A PSF that follows from numbers is computed on the pixels of the restored ``stack``, where their size is
    known. Loads the engine: not for the window's thread.

    Raises
    ------
    InputError
        It cannot be read, or names or holds what cannot be.
    """
    recipe = _typed(read())
    blur, links = taken_apart(recipe.physics)
    psf = blur.params.get("psf") or []
    params = {key: value for key, value in blur.params.items() if key != "psf"}
    blur = _part("physics", Part(name=blur.name, params=params))
    links = [_part("physics", link) for link in links]
    grid = _restored(links, stack)
    each = psf if isinstance(psf, list) else [psf]
    psfs = tuple(_find(source, grid, result) for source in each)
    return Earlier(name, recipe, blur, tuple(links), psfs)


def _restored(links: Sequence[Part], stack: ImageStack) -> tuple[float, ...] | None:
    """µm per pixel of the restored image; ``None`` where it is not known."""
    size = stack.pixel_size
    for link in links:
        with suppress(InputError):  # which the panel says, too
            zoom = bound(link, stack)[0].zoom
            if size is not None and zoom:
                size = tuple(s / z for s, z in zip(size, zoom, strict=True))
    return size


def _typed(recipe: Recipe) -> Recipe:
    """The recipe with its parameters as their classes take them; raises where one does not."""
    from ..training.settings import Training

    params = dict(recipe.physics.params)
    if isinstance(params.get("psf"), list):  # one a channel
        params["psf"] = next(iter(params["psf"]), None)
    physics = registry.find("physics", recipe.physics.name).build(params)
    if recipe.physics.name == "compose":
        physics.made()
    kind: registry.Kind = "baseline" if recipe.is_baseline else "loss"
    typed: dict[str, Any] = {
        "noise": _part("noise", recipe.noise),
        "method": tuple(
            Term(weight=term.weight, **_part(kind, term).model_dump()) for term in recipe.method
        ),
    }
    if not recipe.is_baseline:
        training = Training.from_params(recipe.training).model_dump(mode="json", exclude_unset=True)
        typed |= {"network": _part("network", recipe.network), "training": training}
    return recipe.model_copy(update=typed)


def _part(kind: registry.Kind, part: Part) -> Part:
    """What is given, as the class takes it."""
    values = registry.find(kind, part.name).build(part.params).model_dump(mode="json")
    return Part(name=part.name, params={key: values[key] for key in part.params})


def _find(
    params: Mapping[str, Any], pixel_size: Sequence[float] | None, result: Result | None
) -> EarlierPSF:
    source = make_source(params)
    params = source.model_dump(mode="json")
    if isinstance(source, FilePSF):
        return _from_file(params, source)
    known = str(params.get("sha256", ""))
    if known:
        for array in result.psf if result is not None else ():
            if result is not None and sha256(array) == known:
                size = result.pixel_size[-array.ndim :] if result.pixel_size else None
                return EarlierPSF(params, result.name, known, array, size)
        missing = "The PSF of the recipe was in memory only, and no layer holds it: choose its layer or file."
        return EarlierPSF(params, "", known, missing=missing)
    plain = isinstance(source, GaussianPSF)
    kind = str(params["kind"]).replace("_", " ")
    if pixel_size is None:
        missing = (
            f"The PSF of the recipe ({kind}) needs the pixel size of the image: give it, and take the "
            "settings again."
        )
        return EarlierPSF(params, kind, missing=missing, plain=plain)
    try:
        array = load(source, pixel_size)
    except InputError as error:
        return EarlierPSF(params, kind, missing=str(error), plain=plain)
    return EarlierPSF(
        params, kind, sha256(array), array, tuple(pixel_size)[-array.ndim :], plain=plain
    )


def _from_file(params: Mapping[str, Any], source: FilePSF) -> EarlierPSF:
    path, known = source.path, source.sha256 or ""
    try:
        array = read_psf(path)
    except InputError as error:
        return EarlierPSF(params, Path(path).stem, known, missing=str(error))
    if known and sha256(array) != known:
        missing = (
            f"The PSF in {path} is not the one that the recipe was made with: choose the right one."
        )
        return EarlierPSF(params, Path(path).stem, known, missing=missing)
    stated = stated_voxel_size(path)
    size = source.voxel_size or stated
    return EarlierPSF(params, Path(path).stem, sha256(array), array, size, plain=size == stated)
