"""Detail that a denoiser took for noise, given back."""

from __future__ import annotations

import math
import time
from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, label
from torch import Tensor

from ..events import Control, Progress
from ..noise._differences import seen
from ..noise.base import NoiseModel
from ..noise.curve import variance_curve
from ..outliers import outlying

#: Of the pixels around one, whose squared residuals are averaged: standard deviation, pixels.
AROUND = 3.0
#: Share by which the variance of the noise may be larger than it is known to be.
DOUBT = 0.25
#: The same for noise that pixels share, whose strength is less well known.
DOUBT_SHARED = 1.0
#: What differences see of such noise is believed to be at least this share of its variance.
SEEN = 0.25
#: Standard errors by which the residuals of a patch must somewhere exceed the noise. One far residual raises
#: the mean around it by one; 2 leaves a tenth of the specks of noise alone, 3 a thirtieth, 4 a fiftieth.
SURE = 4.0
#: Standard deviations from the others around it beyond which a pixel that noise does not explain is odd.
FAR = 6.0

Array = NDArray[np.float64]


def given_back(
    x: Tensor, y: Tensor, noise: NoiseModel, control: Control, missing: Tensor | None = None
) -> Generator[Progress, None, tuple[Tensor, float]]:
    """The estimate with as much of the residual added as is not noise, see :func:`weights`.

    A volume is gone through plane by plane.

    Parameters
    ----------
    x
        The estimate (1, 1, [Z,] Y, X), on the CPU.
    y
        The recording of that shape.
    noise
        Its variance is the larger of what y shows and of what is known, as what is said of noise may
        be wrong. Of noise that pixels share y shows how it follows the light, the model how strong it is.
    control
        To cancel.
    missing
        Pixels (bool) that were not measured, which y has from their neighbours.

    Returns
    -------
    The estimate, a new tensor where it has changed, and the mean weight of the residual.

    Raises
    ------
    Cancelled
        After ``control.cancel()``.

    Examples
    --------
    A sixth of the picture is detail, of which the estimate has nothing:

    >>> import torch
    >>> from napari_ssi.events import Watched
    >>> from napari_ssi.noise.gaussian import Gaussian
    >>> random = torch.Generator().manual_seed(0)
    >>> x = torch.full((1, 1, 96, 96), 0.5)
    >>> x[..., 80:] = torch.rand(x[..., 80:].shape, generator=random)
    >>> y = x + 0.02 * torch.randn(x.shape, generator=random)
    >>> job = given_back(torch.full_like(x, 0.5), y, Gaussian(sigma=0.02), Control())
    >>> better, share = Watched(job).finish()
    >>> float((better - x).square().mean()) < 2 * 0.02**2, 0.1 < share < 0.3
    (True, True)
    """
    began = time.monotonic()
    recorded, estimated, expected = (
        a.reshape(-1, *a.shape[-2:]).numpy() for a in (y, x, noise.mean(x))
    )
    lost = np.zeros(recorded.shape, bool) if missing is None else missing.numpy()
    lost = lost.reshape(recorded.shape)
    measured = variance_curve(list(recorded), shared=noise.correlated)
    gain, floor = noise.growth or (0.0, 0.0)

    missed, alike = 1.0, 1.0
    if noise.correlated:
        one = torch.zeros(1, 1, 41, 41)
        one[..., 20, 20] = 1.0
        correlation = noise.correlate(one)[0, 0].double().numpy()
        alike = float((correlation**2).sum())
        level = np.mean([measured(plane.astype(np.float64)).mean() for plane in estimated])
        known = float(noise.variance(x).mean() / level)
        missed = max(known, 1 / max(seen(correlation), SEEN), 1.0)

    def variance(z: Array) -> Array:
        return np.asarray(np.maximum(missed * measured(z), gain * z + floor), np.float64)

    better, shares = np.empty_like(estimated), []
    for n, plane in enumerate(recorded):
        control.checkpoint()
        v = variance(estimated[n].astype(np.float64))
        residual = plane.astype(np.float64) - expected[n]
        odd = outlying(plane, variance, gain) & ~lost[n]
        share = weights(residual, v, gain, odd, lost[n], alike)
        better[n] = estimated[n] + share * residual
        shares.append(float(share.mean()))
        elapsed = time.monotonic() - began
        yield Progress("giving detail back", n + 1, len(recorded), elapsed=elapsed)
    mean = float(np.mean(shares))
    return (torch.from_numpy(better).reshape(x.shape) if mean else x), mean


def weights(
    residual: Array,
    v: Array,
    gain: float,
    odd: NDArray[np.bool_],
    lost: NDArray[np.bool_],
    alike: float = 1.0,
) -> Array:
    r"""How much of each residual to add to the estimate it was left by.

    A network that must predict pixels from their neighbours cannot predict all of a fine texture,
    and where noise is weak the recording itself is nearer to the truth. With an estimate f_i that
    the noise of y_i has no part in, of error :math:`m_i = E(f_i - x_i)^2`, and noise of variance
    v_i, the best linear combination of both, for Gaussian errors the posterior mean, is

    .. math::
        \hat x_i = f_i + \alpha_i (y_i - f_i), \quad
        \alpha_i = \frac{m_i}{m_i + v_i} = 1 - \frac{v_i}{E (y_i - f_i)^2}

    The expectation is the mean of the squared residuals of the pixels around i, without i, such
    that the noise of y_i has no part in its weight, and v_i their mean. What noise may contribute
    is more: a quarter for doubt, and one standard deviation of such a mean, which is
    large where few photons arrive. With d_i for both, which are believed as far as the residual
    may be noise,

    .. math::
        \alpha_i = \max\left(0, 1 - \frac{v_i + d_i \, v_i / s_i}{s_i}\right),
        \quad s_i = E (y_i - f_i)^2

    so that noise alone does not come back, and next to strong detail doubt costs nothing. As the error is
    :math:`(1 - \alpha_i)^2 m_i + \alpha_i^2 v_i`, the result is nearer to the truth than the
    recording wherever less than twice v_i is taken for noise.
    The noise of photomultipliers and intensifiers has far tails, which would come back as specks. So the
    connected pixels of :math:`\alpha_i > 0` must somewhere have it above 0 with four standard errors in the
    place of the one, as the squared residuals scatter themselves (hysteresis, as in Canny's edges).
    An estimate that saw y_i has smaller residuals, so that less is given back than would be best.

    Parameters
    ----------
    residual, v
        ``y - f`` and the variance of the noise, of a plane (Y, X).
    gain
        By how much that grows with the light.
    odd
        Pixels that noise does not explain: they are not to come back, unless they are like the
        texture around them.
    lost
        Pixels that were not measured.
    alike
        How many pixels share their noise, the sum of the squared correlations. If any, the doubt is as
        much as v_i, and nothing is given back up to about 1.7 v_i.

    References
    ----------
    J. Batson, L. Royer, "Noise2Self", ICML 2019, Section 3, https://doi.org/10.48550/arXiv.1901.11365
    S. Laine, T. Karras, J. Lehtinen, T. Aila, "High-Quality Self-Supervised Deep Image Denoising",
    NeurIPS 2019, Section 3, https://doi.org/10.48550/arXiv.1901.10277
    """
    if odd.any():
        calm = _mean(residual**2, ~(odd | lost))
        odd = odd & (residual**2 > FAR**2 * np.maximum(calm, v))
    counted = ~(odd | lost)
    squares, v = _mean(residual**2, counted), _mean(v, counted)
    number = 4 * math.pi * AROUND**2 / alike  # independent pixels in such a mean
    peaked = 2 * v**2 + gain**2 * v  # the variance of a squared residual
    doubt = (DOUBT if alike == 1 else DOUBT_SHARED) * v
    error = np.sqrt(peaked / number)
    scatter = np.sqrt(np.maximum(_mean(residual**4, counted) - squares**2, 0) / number)
    squares = np.maximum(squares, 1e-30)

    def share(errors: Array) -> Array:
        less = (doubt + errors) * np.minimum(v / squares, 1)
        found = np.clip(1 - (v + less) / squares, 0, 1)
        return np.where(counted & (squares > 1e-12), found, 0.0)

    shares = share(error)
    patches, number_of = label(shares > 0, np.ones((3, 3)))
    kept = np.zeros(number_of + 1, bool)
    kept[patches[share(SURE * np.maximum(error, scatter)) > 0]] = True
    kept[0] = False
    return np.where(kept[patches], shares, 0.0)


def _mean(a: Array, counted: NDArray[np.bool_]) -> Array:
    """Of those counted around each pixel of a plane, without itself."""
    own = float(gaussian_filter1d(np.eye(1, 41, 20)[0], AROUND)[20]) ** 2

    def around(image: Array) -> Array:
        return gaussian_filter(image, AROUND, mode="reflect") - own * image

    return np.asarray(around(a * counted) / np.maximum(around(counted.astype(np.float64)), 1e-3))
