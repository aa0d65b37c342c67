"""A result: the image, and everything needed to believe and to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .background import Levels
from .noise.base import NoiseModel
from .normalization import Normalization
from .recipe import Recipe
from .restorer import Fitted
from .stack import ImageStack
from .training.model import nothing_learned


@dataclass(frozen=True)
class ChannelModel:
    """What was learned for one channel; in memory only, to be applied to more frames."""

    fitted: Fitted
    normalization: Normalization
    noise: NoiseModel
    levels: Levels
    #: The forward model's name: what was learned to denoise cannot undo a blur.
    physics: str


@dataclass(frozen=True)
class Restoration:
    """The outcome of :func:`napari_ssi.run`.

    Attributes
    ----------
    image
        float32, in the units, shape and axes of the input.
    source
        The input's axes, pixel size and names, with ``image`` in place of its data.
    recipe
        What was run, with everything that was estimated left as it was given.
    history
        Per channel, the named numbers of each report: ``step``, ``loss``, ``held_out`` …
    estimates
        Named numbers, with the channel's name where there are several: offset,
        chosen iterations or weight, held-out error, flux ratio, pixels set to 0 …
    notes
        Sentences for the user: repairs of the PSF, clipping, what to mind.
    provenance
        Versions, device, threads, seed, hash of the input, duration, why it stopped.
    models
        Per channel, what was learned; pass to :func:`napari_ssi.run` to apply it to
        another stack.
    psf
        The PSF that was handed over in memory (or one per channel), to be saved beside the result.
    """

    image: NDArray[np.float32]
    source: ImageStack
    recipe: Recipe
    history: tuple[Mapping[str, NDArray[np.float64]], ...] = ()
    estimates: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[ChannelModel, ...] = ()
    psf: tuple[NDArray[np.floating], ...] | None = None

    @property
    def learned(self) -> bool:
        """Whether there is a network that has learned something, to be saved or to start from."""
        return not self.recipe.is_baseline and not any(
            nothing_learned(model.fitted.estimates) for model in self.models
        )


def versions() -> dict[str, str]:
    """Of what computed it, for the provenance."""

    def found(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "not installed"

    return {name: found(name) for name in ("napari-ssi", "torch", "numpy")}
