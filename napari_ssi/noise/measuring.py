"""The noise of a recording, as a user asks for it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .. import background
from ..errors import InputError
from ..stack import ImageStack
from . import estimation
from ._report import NoiseReport

#: Planes that are looked at.
PLANES = 8
#: Share of the recording that may be darker than dark frames, as dead pixels are; of these that may be 0.
DARKER, CUT = 0.01, 0.1


def measure_noise(
    stack: ImageStack,
    channel: int = 0,
    *,
    offset: float | None = None,
    dark: ImageStack | None = None,
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
    dark
        Frames taken without light, with the same camera settings, of any number and size:
        they tell offset and read noise better than any recording.

    Returns
    -------
    NoiseReport
        Gain, read noise, correlation of neighbours, faults, and a sentence.

    Raises
    ------
    InputError
        A recording without numbers that can be measured, or dark frames that are not dark.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ssi import ImageStack, measure_noise
    >>> light = np.linspace(0, 400, 192) + np.zeros((192, 1))
    >>> y = 100 + 2 * np.random.default_rng(0).poisson(light)
    >>> measure_noise(ImageStack(y.astype("uint16"), "YX")).sentence
    'Photon noise (gain 2 ± 0.02 ADU per photon); neighbouring pixels are independent.'
    """
    if not 0 <= channel < stack.n_channels:
        raise InputError(
            f"The channel must be from 0 to {stack.n_channels - 1}. Got {channel} instead."
        )
    if offset is not None and not math.isfinite(offset):
        raise InputError(f"The offset must be a number in ADU. Got {offset:g} instead.")
    planes = list(stack.planes(channel, PLANES))
    levels = background.measure(planes)
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
    below = float(np.mean(np.concatenate([p.ravel() for p in planes]) < least))
    if below > DARKER:
        raise InputError(
            f"The dark frames (median {level:g}) are brighter than {below:.0%} of the recording; choose "
            "frames taken without light, with the same camera settings."
        )
    return estimation.measure(planes, levels, dark=frames)
