"""Whether the noise of a pixel says something of that of its neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..background import Levels
from ._line import Array, Line
from ._scatter import some
from ._texture import not_strongest, rise_with_strength

#: Side of the windows, and the longest lag, in pixels.
WINDOW, REACH = 9, 3
#: Share of the windows, the least rough ones, that are looked at; of many windows a smaller one suffices.
FLAT, FLATTEST = 0.2, 0.05
#: Fewer windows than this tell nothing; so many tell enough.
ENOUGH, MANY = 100, 400
#: Windows that are simulated, to see what it does to leave some out.
SIMULATED = 4000
#: Square of what is left of a window, in variances of its noise, below which it holds no noise.
EVEN = 1e-9


@dataclass(frozen=True)
class Shared:
    """What neighbouring pixels share.

    Attributes
    ----------
    picture, error
        Autocorrelation at lags -3..3 in y and x, and its standard error.
    strength
        Variance of the noise in parts of that of the line, which misses what neighbours share; ``None``
        where it is not known.
    texture
        How much more the most alike neighbours share the more happens around them, in standard
        errors above what noise does.
    empty
        Where least happens there is no noise at all, which tells nothing.
    """

    picture: Array
    error: float
    strength: float | None
    texture: float
    empty: bool = False


def autocorrelation(
    planes: list[NDArray[np.float32]], levels: Levels, offset: float, line: Line
) -> Shared:
    """What the noise of neighbours has in common.

    In windows of 9 x 9 pixels a quadratic surface is taken away, P being the projection
    on these. Of white or correlated noise with covariance C this leaves
    ``(1 - P) C (1 - P)``, linear in C, which is solved for C up to the longest lag: so
    white noise gives 0 beside the centre, although its residuals are correlated. Only
    windows are used whose neighbours are the least rough against the variance that the
    ``line`` expects: choosing them by their own roughness would choose among the noise.

    Where too few windows are free of clipped pixels, those with up to a half of them are
    looked at too. Clipping acts on each pixel by itself, so that it makes independent noise
    no less independent; what it does to the variance is not known.
    Where most windows hold no noise at all, as in black surroundings of a detector that counts
    photons or of a background that was taken away, nothing is told: at the edges of what is bright,
    structure would count as noise.
    """
    remove, _, _ = _system()
    left, around, bright = _residuals(planes, levels, offset, line, remove, clipped=0.0)
    clipped = len(left) < ENOUGH
    if clipped:
        left, around, bright = _residuals(planes, levels, offset, line, remove, clipped=0.5)
    if len(left) < ENOUGH:
        return Shared(_alone(), math.inf, None, 0.0)
    if clipped and _black(planes, levels) > len(left):
        return Shared(_alone(), math.inf, None, 0.0, empty=True)
    count = max(ENOUGH, min(MANY, int(FLAT * len(left))), int(FLATTEST * len(left)))
    order = np.argsort(around)
    calmest, bright = left[order], bright[order]
    left = calmest[:count]
    if np.mean((left**2).max(1) < EVEN) > 0.5:  # dark, without a photon
        return Shared(_alone(), math.inf, None, 0.0, empty=True)
    left = left[not_strongest(left)]
    groups = np.array_split(np.random.default_rng(0).permutation(len(left)), 8)
    covariances = [_covariance(left), *(_covariance(left[group]) for group in groups)]
    if np.abs(covariances[0]).max() > covariances[0][0]:  # no noise is so: edges are
        return Shared(_alone(), math.inf, None, 0.0)
    if not clipped:  # else it is not Gaussian
        covariances[0] = _of_all(covariances[0])
    covariance = covariances[0]
    found = [c / max(c[0], 1e-12) for c in covariances]
    error = float(np.std(found[1:], axis=0, ddof=1)[1:].mean()) / math.sqrt(len(groups))
    picture = np.zeros((2 * REACH + 1,) * 2)
    for (dy, dx), value in zip(_half(), found[0], strict=True):
        picture[REACH + dy, REACH + dx] = picture[REACH - dy, REACH - dx] = value
    # where a little more happens, texture shows better
    rise = max(_rise(calmest[:n], bright[:n]) for n in (count, count * 3 // 2))
    return Shared(picture, error, None if clipped else float(covariance[0]), rise)


def _covariance(left: Array) -> Array:
    """At the lags of :func:`_half`, zero first."""
    _, lags, system = _system()
    products = left.T @ left / len(left)
    return np.linalg.solve(system, np.array([(products * lag).sum() for lag in lags]))


def _of_all(trimmed: Array) -> Array:
    """The covariance of Gaussian noise that :func:`not_strongest` leaves the ``trimmed`` one of.

    Without its strongest tenth, shared noise seems an eighth weaker, and to reach less far: as much as windows
    simulated with the covariance that is sought show.
    """
    remove, lags, _ = _system()
    white = np.random.default_rng(0).standard_normal((SIMULATED, WINDOW**2))
    covariance = trimmed
    for _ in range(4):
        powers, shapes = np.linalg.eigh(remove @ np.tensordot(covariance, lags, 1) @ remove)
        windows = white * np.sqrt(powers.clip(0)) @ shapes.T
        covariance = covariance + trimmed - _covariance(windows[not_strongest(windows)])
    return np.clip(covariance, -covariance[0], covariance[0])


def _rise(left: Array, bright: Array) -> float:
    """:func:`rise_with_strength` at the lag of the strongest covariance."""
    remove, lags, _ = _system()
    kept = not_strongest(left)
    left, bright = left[kept], bright[kept]
    covariance = _covariance(left)
    seen = remove @ np.tensordot(covariance, lags, 1) @ remove
    return rise_with_strength(left, bright, seen, lags[1 + int(np.abs(covariance[1:]).argmax())])


def _residuals(
    planes: list[NDArray[np.float32]],
    levels: Levels,
    offset: float,
    line: Line,
    remove: Array,
    *,
    clipped: float,
) -> tuple[Array, Array, Array]:
    """The windows without their surface, over the standard deviation that is expected, how
    rough the neighbours of each are, and how bright it is."""
    residuals, around, bright = [np.zeros((0, WINDOW**2))], [np.zeros(0)], [np.zeros(0)]
    for plane in some(planes):
        if min(plane.shape) < 3 * WINDOW:
            continue
        windows, good = _windows(plane, levels, clipped)
        mean = windows.mean(-1, keepdims=True)
        left = (windows - mean) @ remove
        left /= np.sqrt(np.maximum(line.variance(mean - offset), 1e-12))
        strength = np.where(good, (left**2).mean(-1), np.inf)
        beside = _beside(strength)
        kept = good & np.isfinite(beside)
        residuals.append(left[kept])
        around.append(beside[kept])
        bright.append(mean[kept, 0])
    return np.concatenate(residuals), np.concatenate(around), np.concatenate(bright)


def _black(planes: list[NDArray[np.float32]], levels: Levels) -> int:
    """Number of windows all of whose pixels are clipped below."""
    large = [plane for plane in some(planes) if min(plane.shape) >= 3 * WINDOW]
    windows = (_windows(plane, levels, clipped=1.0)[0] for plane in large)
    return sum(int((w == levels.low).all(-1).sum()) for w in windows)


def _alone() -> Array:
    picture = np.zeros((2 * REACH + 1,) * 2)
    picture[REACH, REACH] = 1.0
    return picture


def _windows(
    plane: NDArray[np.float32], levels: Levels, clipped: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Windows on a grid, their pixels along the last axis, and which of them are whole, but
    for a share that may be ``clipped``."""
    h, w = (n // WINDOW for n in plane.shape)
    parts = plane[: h * WINDOW, : w * WINDOW].reshape(h, WINDOW, w, WINDOW).swapaxes(1, 2)
    windows = parts.reshape(h, w, WINDOW**2).astype(np.float64)
    good = np.ones((h, w), bool)
    if levels.empty is not None:
        good &= (windows != levels.empty).all(-1)
    ends = [end for end in (levels.low, levels.high) if end is not None]
    if ends:
        good &= np.isin(windows, ends).mean(-1) <= clipped
    return windows, good


def _beside(strength: Array) -> Array:
    """Mean over the (up to) eight windows beside each; infinite where none is whole."""
    padded = np.pad(strength, 1, constant_values=np.inf)
    h, w = strength.shape
    total, count = np.zeros((h, w)), np.zeros((h, w))
    for dy in range(3):
        for dx in range(3):
            if (dy, dx) != (1, 1):
                part = padded[dy : dy + h, dx : dx + w]
                there = np.isfinite(part)
                total[there] += part[there]
                count += there
    return np.where(count > 0, total / np.maximum(count, 1), np.inf)


def _half() -> list[tuple[int, int]]:
    """The lags that are not the mirror image of another, zero first."""
    return [(0, 0)] + [
        (dy, dx) for dy in range(REACH + 1) for dx in range(-REACH, REACH + 1) if dy > 0 or dx > 0
    ]


@cache
def _system() -> tuple[Array, Array, Array]:
    """Removal of a quadratic surface, the pairs of pixels at each lag, and what the
    covariance at one lag adds to the products at another."""
    t = np.linspace(-1, 1, WINDOW)
    y, x = (a.ravel() for a in np.meshgrid(t, t, indexing="ij"))
    surface = np.stack([np.ones_like(x), y, x, y * y, x * y, x * x], 1)
    basis = np.linalg.qr(surface)[0]
    remove = np.eye(WINDOW**2) - basis @ basis.T
    at_y, at_x = np.divmod(np.arange(WINDOW**2), WINDOW)
    dy, dx = at_y[:, None] - at_y, at_x[:, None] - at_x
    lags = np.stack(
        [
            (((dy == a) & (dx == b)) | ((dy == -a) & (dx == -b))).astype(np.float64)
            for a, b in _half()
        ]
    )
    seen = np.stack([remove @ lag @ remove for lag in lags])
    return remove, lags, np.einsum("aij,bij->ab", lags, seen)
