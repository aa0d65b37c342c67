"""The noise of a recording, as a user asks for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import background
from ..errors import InputError
from ..stack import ImageStack
from . import estimation
from ._report import NoiseReport

#: Planes that are looked at.
PLANES = 8


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
        What the camera shows without light, in ADU; estimated if not given.
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
    planes = list(stack.planes(channel, PLANES))
    levels = background.measure(planes)
    if offset is not None:
        levels = replace(levels, offset=offset)
    if dark is None:
        return estimation.measure(planes, levels)
    frames = list(dark.planes(min(channel, dark.n_channels - 1), PLANES))
    background.measure(frames)  # refuses what is no number
    level, middle = (
        float(np.median(np.concatenate([p.ravel() for p in s]))) for s in (frames, planes)
    )
    if level > middle:
        raise InputError(
            f"The dark frames are brighter (median {level:g}) than the recording (median "
            f"{middle:g}); choose frames taken without light, with the same camera settings."
        )
    return estimation.measure(planes, levels, dark=frames)
