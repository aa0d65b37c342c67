"""An independent check of any method: restore part of the photons, judge by the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from .errors import InputError
from .events import Progress
from .physics.base import extend
from .pipeline import PSF, bound_physics, run
from .recipe import Recipe
from .restoration import Restoration
from .stack import ImageStack

#: Counts further than this from a whole number, in photons, are none.
WHOLE = 0.05


@dataclass(frozen=True)
class PhotonCheck:
    """What the photons that a method has not seen say of its result.

    Attributes
    ----------
    error
        Unbiased estimate of ``mean (A x̂ - z)²``, in the squared units of the recording at full
        exposure: a measurement-domain score. May come out below 0 for a very good result.
    standard_error
        Of ``error``, from the photons that judge.
    input_error
        The same for the part of the photons that was restored, left as it was.
    restoration
        The result for that part.
    """

    error: float
    standard_error: float
    input_error: float
    restoration: Restoration


def split_photons(
    stack: ImageStack, *, gain: float = 1.0, offset: float = 0.0, share: float = 0.5, seed: int = 0
) -> tuple[ImageStack, ImageStack]:
    r"""Two recordings, as if one had been exposed for ``1 - share`` of the time, one for the rest.

    Each photon of :math:`n = (y - o) / g` is dealt at random, so that the two are independent
    Poisson recordings given the specimen. Same offset, gain and type of number as the recording;
    everything is read into memory.

    Parameters
    ----------
    gain, offset
        Units of the recording per photon, and without light.
    share
        Part of the photons that goes to the second.

    Raises
    ------
    InputError
        More than 1 % of the pixels are no whole number of photons.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.random.default_rng(0).poisson(20, (32, 32)).astype("uint16")
    >>> a, b = split_photons(ImageStack(y, "YX"))
    >>> bool((a.data + b.data == y).all())
    True
    """
    if not 0 < share < 1:
        raise InputError(f"The share must be between 0 and 1. Got {share:g} instead.")
    if not gain > 0:
        raise InputError(f"The gain must be above 0. Got {gain:g} instead.")
    y = np.asarray(stack.data)
    counts = (y.astype(np.float64) - offset) / gain
    n = counts.round()
    odd = float(np.mean((np.abs(counts - n) > WHOLE) | (n < 0)))
    if odd > 0.01:
        raise InputError(
            f"{odd:.0%} of the pixels are no whole number of photons with a gain of {gain:g} and an "
            f"offset of {offset:g}; give those of the detector (1 and 0 for a photon counter)."
        )
    whole = n.clip(0).astype(np.int64)
    k = np.random.default_rng(seed).binomial(whole, share)

    def recorded(photons: NDArray[np.int64]) -> ImageStack:
        return replace(stack, data=(offset + gain * photons).astype(y.dtype))

    return recorded(whole - k), recorded(k)


def check_by_photons(
    recipe: Recipe,
    stack: ImageStack,
    *,
    psf: PSF = None,
    gain: float = 1.0,
    offset: float = 0.0,
    share: float = 0.5,
    seed: int = 0,
    report: Callable[[Progress], None] | None = None,
) -> PhotonCheck:
    r"""Thin a recording of photon counts, restore one part with any recipe, score on the other.

    With :math:`\hat z` the forward model of the result (brought to full exposure) and y_2 the photons
    that no one has seen (the same),

    .. math:: \frac1n \sum_i (\hat z_i - y_{2,i})^2 - \frac{g}{\alpha} (y_{2,i} - o)

    has the expectation :math:`\frac1n \|\hat z - z\|^2` whatever the method is, tuned or learned. The
    method works on less light than there is, so compare methods by it rather than take the
    number as that of the whole recording. Under a blur a border as wide as the PSF's halo is
    left out. See :func:`split_photons` for the parameters; ``psf`` and ``report`` are those
    of :func:`~napari_ssi.pipeline.run`.
    """
    first, second = split_photons(stack, gain=gain, offset=offset, share=share, seed=seed)
    recipe = recipe.model_copy(
        update={"levels": recipe.levels.model_copy(update={"offset": offset})}
    )
    restoration = run(recipe, first, psf=psf, report=report)
    result = replace(stack, data=restoration.image)
    scores, inputs = [], []
    for channel in range(stack.n_channels):
        physics, _ = bound_physics(recipe, stack, channel, psf)
        for index in stack.frames(channel, physics.ndim):
            x = torch.from_numpy(result.read(index).astype(np.float32))[None, None] - offset
            z = physics.A(extend(x, physics.halo))[0, 0].numpy().astype(np.float64) / (1 - share)
            seen = (first.read(index).astype(np.float64) - offset) / (1 - share)
            judge = (second.read(index).astype(np.float64) - offset) / share
            rim = physics.halo or ((0, 0),) * z.ndim
            inner = tuple(
                slice(max(pair), n - max(pair)) for pair, n in zip(rim, z.shape, strict=True)
            )
            noise = gain * judge / share
            scores.append(((z - judge) ** 2 - noise)[inner].ravel())
            inputs.append(((seen - judge) ** 2 - noise)[inner].ravel())
    values = np.concatenate(scores)
    if values.size < 2:
        raise InputError("The recording is too small beside the PSF to be checked.")
    return PhotonCheck(
        error=float(values.mean()),
        standard_error=float(values.std(ddof=1) / np.sqrt(values.size)),
        input_error=float(np.concatenate(inputs).mean()),
        restoration=restoration,
    )
