"""What the panel says of the light's way to the camera, as the recipe's one forward model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import registry
from ..errors import InputError
from ..physics._mask import PackedMask
from ..physics.chaining import chain_refusal
from ..recipe import Part, Recipe
from ..stack import ImageStack

#: The forward models that the section Blur stands for, beside none.
BLURS = ("blur", "depth_varying_blur")


def combined(blur: Part, links: Sequence[Part]) -> Part:
    """Blur, then the others in their order; ``denoising`` in place of a blur stands for none.

    Raises
    ------
    InputError
        They make no chain, in the words of :func:`~napari_ssi.physics.chaining.chain_refusal`.

    Examples
    --------
    >>> combined(Part(name="denoising"), [Part(name="motion")]).name
    'motion'
    >>> combined(Part(name="blur"), [Part(name="motion")]).params["parts"][1]
    {'name': 'motion', 'params': {}}
    """
    parts = [blur, *links] if blur.name != "denoising" else list(links)
    if not links or len(parts) == 1:
        return parts[0] if parts else blur
    if len(links) == 1 and "linear" not in registry.find("physics", links[0].name).traits:
        # no link of a chain: it takes the PSF itself
        return Part(name=links[0].name, params={**links[0].params, **blur.params})
    refusal = chain_refusal([part.name for part in parts])
    if refusal:
        raise InputError(refusal)
    params: dict[str, Any] = {"parts": [part.model_dump() for part in parts]}
    psf = params["parts"][0]["params"].pop("psf", None)
    if psf is not None:  # where the engine puts one that is in memory, and saves it from
        params["psf"] = psf
    return Part(name="compose", params=params)


def taken_apart(physics: Part) -> tuple[Part, list[Part]]:
    """The inverse of :func:`combined`: the blur, and what follows it, of a recipe's forward model.

    A PSF that finer sampling or a full detector brings along is a blur before it.

    Examples
    --------
    >>> blur, links = taken_apart(Part(name="motion"))
    >>> blur.name, [part.name for part in links]
    ('denoising', ['motion'])
    >>> psf = {"kind": "gaussian", "fwhm": [0.3]}
    >>> blur, links = taken_apart(Part(name="compose", params={"psf": psf, "parts": ["blur"]}))
    >>> blur.params["psf"] == psf, links
    (True, [])
    """
    params = {name: value for name, value in physics.params.items() if value is not None}
    if physics.name == "compose":
        named = [Part(name=p) if isinstance(p, str) else Part(**p) for p in params.get("parts", ())]
        parts = [part for part in named if part.name != "denoising"]
    else:
        parts = [Part(name=physics.name, params=params)]
    none = Part(name="denoising")
    first = parts[0] if parts else none
    inside = dict(first.params)
    if physics.name == "compose" and "psf" in params and _takes_psf(first.name):
        inside.setdefault("psf", params["psf"])
    if first.name in ("denoising", *BLURS):
        return Part(name=first.name, params=inside), parts[1:]
    if "psf" not in inside:
        return none, parts
    kept = {name: inside.pop(name) for name in ("psf", "subtract_background") if name in inside}
    return Part(name="blur", params=kept), [Part(name=first.name, params=inside), *parts[1:]]


def _takes_psf(name: str) -> bool:
    return "psf" in registry.find("physics", name).load().model_fields


def bound(part: Part, stack: ImageStack) -> tuple[Any, list[str]]:
    """A forward model by itself, made ready for a recording, and what it says; loads its class."""
    physics = registry.find("physics", part.name).build(part.params)
    return physics, physics.bind(stack.spatial_shape, stack.scale)


def marks_of(labels: ArrayLike, axes: str) -> PackedMask:
    """A mask over the spatial axes, from labels over the ``axes`` of a recording, or over fewer.

    What is marked at one time, or in one channel, is so in all: the camera is the same.
    """
    marks = np.asarray(labels) != 0
    if marks.ndim == len(axes):
        marks = marks.any(tuple(i for i, a in enumerate(axes) if a in "TC"))
        spatial = [a for a in axes if a not in "TC"]
        marks = marks.transpose([spatial.index(a) for a in "ZYX" if a in spatial])
    return PackedMask.of(marks)


def within(recipe: Recipe, window: tuple[slice, slice]) -> Recipe:
    """The recipe for the (Y, X) ``window`` of its recording: of a mask, the part that lies there."""

    def cut(name: str, value: Any) -> Any:
        if name != "mask" or not isinstance(value, dict) or value.get("kind") != "bits":
            return value
        mask = PackedMask(**value).array()
        return PackedMask.of(mask[(..., *window)]).model_dump(mode="json")

    return recipe.with_physics(cut)
