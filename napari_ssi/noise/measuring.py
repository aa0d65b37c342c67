"""The noise of a recording, as a user asks for it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import minimum_filter

from .. import background
from ..errors import InputError
from ..stack import ImageStack
from . import estimation
from ._report import NoiseReport

#: Planes that are looked at.
PLANES = 8
#: Masked pixels have no say in what is around them, up to so many pixels across; at least so many
#: pixels must be left.
ACROSS, LEFT = 9, 500
#: Share of the recording that may be darker than dark frames, as dead pixels are; of these that may be 0.
DARKER, CUT = 0.01, 0.1


def measure_noise(
    stack: ImageStack,
    channel: int = 0,
    *,
    offset: float | None = None,
    lowest: background.Lowest = "measured",
    dark: ImageStack | None = None,
    mask: ArrayLike | None = None,
) -> NoiseReport:
    """Measure the noise of one channel of a recording.

    Parameters
    ----------
    stack
        The recording; at most 8 planes of it are read.
    channel
        Which channel.
    offset
        What the camera shows without light, in ADU; estimated if not given, and not used
        where there are dark frames.
    lowest
        What pixels are that pile up at the lowest value: ``clipped`` there, or reached by no photon
        (``photonless``); told by their scatter if not said.
    dark
        Frames taken without light, with the same camera settings, of any number and size:
        they tell offset and read noise better than any recording.
    mask
        Unusable pixels of the recording, not zero where they are: ([Z,] Y, X), or (Y, X) for all
        planes. Neither they nor what is computed from them counts for anything.

    Returns
    -------
    NoiseReport
        Gain, read noise, correlation of neighbours, faults, and a sentence.

    Raises
    ------
    InputError
        A recording without numbers that can be measured, dark frames that are not dark, or a mask
        of another size or that leaves too little.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ssi import ImageStack, measure_noise
    >>> light = np.linspace(0, 400, 192) + np.zeros((192, 1))
    >>> y = 100 + 2 * np.random.default_rng(0).poisson(light)
    >>> report = measure_noise(ImageStack(y.astype("uint16"), "YX"))
    >>> round(report.gain, 1), report.correlated
    (2.0, False)
    >>> report.sentence.split("; ")[-1]
    'neighbouring pixels are independent.'
    """
    if not 0 <= channel < stack.n_channels:
        raise InputError(
            f"The channel must be from 0 to {stack.n_channels - 1}. Got {channel} instead."
        )
    if offset is not None and not math.isfinite(offset):
        raise InputError(f"The offset must be a number in ADU. Got {offset:g} instead.")
    if lowest not in get_args(background.Lowest):
        raise InputError(
            f"The lowest pixels must be one of: {', '.join(get_args(background.Lowest))}. Got {lowest!r} instead."
        )
    planes = list(stack.planes(channel, PLANES))
    levels = background.measure(planes, lowest=lowest)
    if mask is not None:
        planes, levels = _without(
            planes, levels, list(_like(mask, stack).planes(channel, PLANES)), lowest
        )
    if offset is not None:
        levels = replace(levels, offset=offset)
    if dark is None:
        return estimation.measure(planes, levels)
    frames = list(dark.planes(min(channel, dark.n_channels - 1), PLANES))
    found = background.measure(frames)  # refuses what is no number
    values = np.concatenate([p.ravel() for p in frames])
    nothing = float(np.mean(values == 0)) if values.min() == 0 else 0.0
    if nothing > CUT:
        raise InputError(
            f"The dark frames are cut off at 0 ({nothing:.0%} of their pixels), and tell neither "
            "offset nor read noise; raise the camera's offset, or leave them out."
        )
    level = float(np.median(values))
    least = level - 4 * estimation.gaussian_sigma(frames, found)
    seen = np.concatenate([p.ravel() for p in planes])
    below = float(np.mean((seen if levels.empty is None else seen[seen > levels.empty]) < least))
    if below > DARKER:
        raise InputError(
            f"The dark frames (median {level:g}) are brighter than {below:.0%} of the recording; choose "
            "frames taken without light, with the same camera settings."
        )
    return estimation.measure(planes, levels, dark=frames)


def _like(mask: ArrayLike, stack: ImageStack) -> ImageStack:
    """The mask as a recording of the same axes and shape; nothing is copied."""
    marks = np.asarray(mask) != 0
    while marks.ndim > 2 and len(marks) == 1:
        marks = marks[0]
    shape = stack.spatial_shape
    if marks.shape not in (shape, shape[-2:]):
        raise InputError(
            f"The mask has {' x '.join(map(str, marks.shape))} pixels, and the recording "
            f"{' x '.join(map(str, shape))}; give a mask of the same size, or one plane of it."
        )
    spatial = stack.spatial[-marks.ndim :]
    order = [spatial.index(a) for a in stack.axes if a in spatial]
    there = [stack.size(a) if a in spatial else 1 for a in stack.axes]
    whole = marks.transpose(order).reshape(there).view(np.uint8)
    return ImageStack(np.broadcast_to(whole, stack.shape), stack.axes)


def _without(
    planes: list[NDArray[np.float32]],
    levels: background.Levels,
    marks: list[NDArray[np.float32]],
    lowest: background.Lowest,
) -> tuple[list[NDArray[np.float32]], background.Levels]:
    """The masked pixels as pixels without data, of a value far below all others."""
    hidden = [mark != 0 for mark in marks]
    if levels.empty is not None:
        hidden = [h | (p == levels.empty) for h, p in zip(hidden, planes, strict=True)]
    clear = [minimum_filter(~h, ACROSS) for h in hidden]
    left = sum(int(c.sum()) for c in clear)
    if left < min(LEFT, sum(h.size for h in hidden) // 2):
        raise InputError(
            f"The mask leaves {left} pixels with nothing masked within {ACROSS // 2} pixels of them, "
            f"and the noise cannot be measured on fewer than {LEFT}; measure without the mask, or "
            "type in what is known of the noise."
        )
    seen = np.concatenate([p[~h] for h, p in zip(hidden, planes, strict=True)])
    low, high = float(seen.min()), float(seen.max())
    empty = float(np.float32(low - 4 * (high - low) - 1))
    planes = [np.where(h, np.float32(empty), p) for h, p in zip(hidden, planes, strict=True)]
    return planes, background.measure(planes, empty=empty, lowest=lowest)
