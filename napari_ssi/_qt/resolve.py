"""The panel's choices, frozen into one plan before any work begins.

Called on the main thread; what comes out holds no widget and no layer, so that
whatever the user changes during the run has no effect on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..recipe import Part, Recipe
from ..restoration import Restoration
from ..stack import ImageStack
from .chain import within
from .layers import Frame
from .region import crop
from .sections.blur import Blur
from .sections.image import Source


@dataclass(frozen=True)
class Stage:
    """One method to run, or to apply with what it has learned before (``models``).

    ``start`` is what was learned of another recording, where that is in memory and not in a file.
    """

    recipe: Recipe
    models: tuple[Any, ...] = ()
    start: tuple[Any, ...] = ()
    main: bool = True

    @property
    def label(self) -> str:
        """The method's name for people."""
        return self.recipe.label


@dataclass(frozen=True)
class Plan:
    """Everything that a run needs: pixels, their place, the PSF (or one a channel), and what to do in order."""

    stack: ImageStack
    frames: tuple[Frame, ...]
    psf: tuple[NDArray[np.floating], ...] | None
    stages: tuple[Stage, ...]
    whole: Plan | None = None

    @property
    def is_try(self) -> bool:
        """Whether it works on a region only; ``whole`` is then the plan for everything."""
        return self.whole is not None

    @property
    def main(self) -> Stage:
        """The stage with the method that the user chose."""
        return self.stages[-1]


def resolve(
    source: Source,
    blur: Blur,
    noise: Part,
    fields: Mapping[str, Any],
    baselines: Sequence[str] = (),
    window: tuple[slice, slice] | None = None,
    time: int | None = None,
    start: tuple[Any, ...] = (),
) -> Plan:
    """The plan for these choices; raises :class:`~napari_ssi.errors.InputError`.

    ``window`` is the (Y, X) range of a try and ``time`` the time point it is made on; ``start`` is
    as in :class:`Stage`.
    """
    common = {"physics": blur.physics, "noise": noise, "levels": source.levels}
    recipe = Recipe.create(**common, **fields)
    plain = {key: fields[key] for key in ("effort", "device", "seed") if key in fields}
    first = [Recipe.create(**common, **plain, method=name) for name in baselines]
    stages = (*(Stage(r, main=False) for r in first), Stage(recipe, start=start))
    plan = Plan(source.stack, source.frames, blur.psf, stages)
    if window is None:
        return plan
    stack, frames = crop(source.stack, source.frames, window, time)
    tries = tuple(replace(s, recipe=within(s.recipe, window)) for s in stages)
    return replace(plan, stack=stack, frames=frames, stages=tries, whole=plan)


def apply_to_all(plan: Plan, restoration: Restoration) -> Plan:
    """The plan that restores the whole recording with what a try has learned."""
    whole = plan.whole or plan
    said = {"training": restoration.recipe.training}  # with the model that it started from
    recipe = whole.main.recipe.model_copy(update=said)
    return replace(whole, stages=(Stage(recipe, restoration.models),))
