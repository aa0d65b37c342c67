"""Mutual information of the spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import dctn

from ..errors import InputError
from ._pair import pair
from .mutual_information import mutual_information


def spectral_mutual_information(x_hat: ArrayLike, x: ArrayLike, bins: int = 256) -> float:
    """:func:`.mutual_information` of the cosine spectra, from 0 to 1.

    Each image is divided by its L2 norm and transformed by the type-II DCT along
    all axes. A few large coefficients at low frequencies set the range of the
    histogram, so that most others fall into few bins: for one image the number is
    erratic, and a noisy image can outscore a restored one; trust means.

    Parameters
    ----------
    x_hat, x
        Image and truth, of one shape. The SSI paper clips both to [0, 1] first.
    bins
        Cells per axis of the histogram; the paper's is 256.

    Raises
    ------
    InputError
        Shapes differ, a pixel is not finite, an image is all zero, or there are
        fewer than 2 bins.

    References
    ----------
    Kobayashi, Solak, Batson and Royer (2020), https://doi.org/10.48550/arXiv.2006.06156

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(0).random((16, 16))
    >>> round(spectral_mutual_information(3 * image, image), 6)  # brightness does not matter
    1.0
    """
    spectra = []
    for image in pair(x_hat, x):
        norm = float(np.linalg.norm(image))
        if norm == 0:
            raise InputError("An image that is zero everywhere has no spectrum to compare.")
        spectra.append(dctn(image / norm, type=2))
    return mutual_information(spectra[0], spectra[1], bins)
