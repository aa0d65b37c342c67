"""Zernike polynomials: the usual alphabet of a lens's faults."""

from __future__ import annotations

from collections.abc import Mapping
from math import factorial

import numpy as np
from numpy.typing import NDArray


def noll(index: int) -> tuple[int, int]:
    """Radial order n and azimuthal frequency m of Noll's index (m < 0: sine).

    Examples
    --------
    >>> [noll(j) for j in (1, 2, 3, 4, 7, 8, 11)]
    [(0, 0), (1, 1), (1, -1), (2, 0), (3, -1), (3, 1), (4, 0)]
    """
    n = 0
    while (n + 1) * (n + 2) // 2 < index:
        n += 1
    place = index - n * (n + 1) // 2 - 1  # 0 … n within the row, by rising |m|
    m = 2 * ((place + 1) // 2) if n % 2 == 0 else 2 * (place // 2) + 1
    return n, (-m if index % 2 and m else m)


def wavefront(
    coefficients: Mapping[int, float], rho: NDArray[np.float64], phi: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""The sum of Zernike polynomials, each of unit root mean square on the disc.

    .. math:: W = \sum_j c_j Z_j, \qquad
              Z_{n,m} = \sqrt{(2 - \delta_{m0})(n+1)}\, R_n^{|m|}(\rho)
              \begin{cases}\cos m\varphi & m \ge 0\\ \sin |m|\varphi & m < 0\end{cases}

    Parameters
    ----------
    coefficients
        By Noll's index; waves, root mean square.
    rho, phi
        Radius (1 at the edge) and angle (radians) in the pupil; they broadcast.

    References
    ----------
    R. J. Noll, "Zernike polynomials and atmospheric turbulence", J. Opt. Soc. Am. 66, 207
    (1976), doi:10.1364/JOSA.66.000207
    """
    total = np.zeros(np.broadcast_shapes(rho.shape, phi.shape))
    for index, waves in coefficients.items():
        n, m = noll(index)
        radial = sum(
            (-1) ** k
            * factorial(n - k)
            // (factorial(k) * factorial((n + abs(m)) // 2 - k) * factorial((n - abs(m)) // 2 - k))
            * rho ** (n - 2 * k)
            for k in range((n - abs(m)) // 2 + 1)
        )
        angular = np.cos(m * phi) if m >= 0 else np.sin(-m * phi)
        total = total + waves * np.sqrt((2 - (m == 0)) * (n + 1)) * radial * angular
    return total
