"""Two recordings of one scene: found in a stack, and seen to be of one scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import registry
from .errors import InputError
from .frames import sample, tensor
from .normalization import Normalization
from .recipe import Recipe
from .stack import ImageStack

#: Change of the scene, in units of the variance of the noise, beyond which it is refused, or noted.
REFUSED = 0.5
NOTED = 0.05
#: Standard errors above which a change is believed.
BELIEVED = 4.0
#: Diagonal distance, in pixels, at which noise is independent; where it is known to be shared.
APART = 1
FAR = 4


def learned_from(
    stack: ImageStack,
    indices: Sequence[Any],
    recipe: Recipe,
    normalization: Normalization,
    *,
    correlated: bool,
) -> tuple[list[Tensor], list[str]]:
    """What a method is trained or tuned on, in engine units; sentences for the user.

    Single frames ``(1, 1, [Z,] Y, X)``; see :func:`pairs` for methods that want two recordings.
    """
    between = wanted(recipe)
    if between:
        return pairs(stack, indices, between, normalization, correlated=correlated)
    return [tensor(normalization(stack.read(indices[i]))) for i in sample(stack, indices)], []


def wanted(recipe: Recipe) -> str:
    """Between what a method that wants two recordings finds them; ``""`` for all others."""
    method = recipe.method[0]
    if recipe.is_baseline:
        return ""
    loss = registry.find("loss", method.name).build(method.params)
    return str(loss.between) if loss.recordings == 2 else ""


def pairs(
    stack: ImageStack,
    indices: Sequence[Any],
    between: str,
    normalization: Normalization,
    *,
    correlated: bool,
) -> tuple[list[Tensor], list[str]]:
    """Frames to learn from with their partners, ``(1, 2, [Z,] Y, X)``; sentences for the user.

    Parameters
    ----------
    indices
        Of all frames of a channel.
    between
        ``time points``, ``channels``, or ``auto``.
    normalization
        Of the channel; its partner is brought to the same units.
    correlated
        Whether neighbours are known to share their noise.

    Raises
    ------
    InputError
        There are no two recordings, or the scene is not the same in both.
    """
    along = axis(stack, between)
    found, changes = [], []
    for i in sample(stack, indices):
        pair = [stack.read(at) for at in (indices[i], _partner(stack, indices[i], along))]
        changes.append(change(pair[0], pair[1], FAR if correlated else APART))
        found.append(torch.cat([tensor(normalization(frame)) for frame in pair], 1))
    moved = float(np.median([share for share, _ in changes]))
    error = float(np.median([e for _, e in changes]))
    if moved < max(NOTED, BELIEVED * error):
        return found, []
    things = "neighbouring time points" if along == "T" else "the two channels"
    if moved > REFUSED:
        raise InputError(
            f"Noise2Noise needs two recordings of the same scene, and {things} differ by more than "
            f"noise (by {moved:.1f} times its variance; up to {REFUSED:g} is accepted): something "
            "moved, bleached, or was exposed differently (register or rescale them, or choose a "
            "method for single frames), or neighbours share noise (choose the noise model correlated)."
        )
    return found, [
        f"From one to the other, {things} change by {moved:.0%} of the variance of the noise, "
        "which Noise2Noise blurs into the result."
    ]


def change(
    first: NDArray[np.float32], second: NDArray[np.float32], apart: int
) -> tuple[float, float]:
    r"""How much the scene differs between two frames, in units of the noise; its standard error.

    The covariance of the difference d at a diagonal distance,
    :math:`c = \langle d_{i} d_{i + (k, \pm k)} \rangle`, is that of the change of the scene alone where
    noise that far away is independent (on a diagonal, row and column noise are too). Of a change
    that is not smooth over that distance only a part is seen. It is divided by the
    variance of the noise of one frame, :math:`(\langle d^2 \rangle - c) / 2`. The mean of d
    counts: a change of brightness is one of the scene.
    """
    d = (first - second).astype(np.float64)
    height, width = d.shape[-2:]
    k = max(1, min(apart, height - 1, width - 1))
    down = d[..., k:, k:] * d[..., :-k, :-k]
    up = d[..., k:, :-k] * d[..., :-k, k:]
    c = (float(down.mean()) + float(up.mean())) / 2
    noise = max((float((d**2).mean()) - c) / 2, 1e-12)
    error = float((d**2).mean()) / np.sqrt(2 * down.size)
    return c / noise, error / noise


def axis(stack: ImageStack, between: str) -> str:
    """Along which the two recordings lie, ``T`` or ``C``; refused where there is one only."""
    times, channels = stack.size("T"), stack.size("C")
    if between == "auto":
        between = "time points" if times > 1 else "channels"
    if between == "time points" and times > 1:
        return "T"
    if between == "channels" and channels == 2:
        return "C"
    raise InputError(
        "Noise2Noise needs two recordings of one scene, at least two time points or exactly two "
        f"channels; this recording has {times} time point(s) and {channels} channel(s): choose a "
        "method for single frames."
    )


def _partner(stack: ImageStack, index: tuple[Any, ...], axis: str) -> tuple[Any, ...]:
    """The frame after, or before the last; the other channel."""
    where = stack.axes.index(axis)
    at = index[where]
    other = at + 1 if at + 1 < stack.size(axis) else at - 1
    return (*index[:where], other, *index[where + 1 :])
