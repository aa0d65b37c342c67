"""The noise, measured on the recording itself, and said in words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, minimum_filter

from ..background import Levels
from ..outliers import outlying
from ..registry import find
from ._correlation import REACH, autocorrelation
from ._differences import LESS, ORDERS, difference
from ._line import Line, line
from ._lines import line_noise, without_lines
from ._report import Common, kind_of, sentence_of, stripes
from ._report import NoiseReport as NoiseReport
from ._scatter import mended, quietest, refined, scatter, scatters, some
from ._texture import broad, far

#: Correlation with a neighbour above which pixels do not count as independent.
CORRELATED = 0.1
#: Standard errors from which what neighbours share rises with what happens around them: it is texture.
TEXTURE = 3.0
#: Noise in parts of the contrast below which what neighbours share may be texture just as well, that
#: is much the same everywhere: masks that hide it would erase it, and noise as weak does little harm.
WEAK = 0.3
#: Row or column noise, in parts of a pixel's noise, from which it counts.
STRIPES = 0.1
#: Share of clipped pixels above which differences see too little of the noise.
CLIPPED = 0.02
#: Share of outlying pixels above which SURE is not advised.
SPOILED = 1e-3
#: Relative standard error up to which a number counts as known.
KNOWN = 0.08


def measure(
    planes: list[NDArray[np.float32]],
    levels: Levels,
    *,
    dark: list[NDArray[np.float32]] | None = None,
) -> NoiseReport:
    """Measure the noise of one channel.

    Parameters
    ----------
    planes
        (Y, X) planes of the recording.
    levels
        Its offset and clipping.
    dark
        Frames taken without light, if there are any: they tell offset and read noise.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ssi.background import Levels
    >>> z = np.linspace(0, 200, 256) + np.zeros((256, 1))
    >>> y = np.random.default_rng(0).poisson(z / 2) * 2 + 100
    >>> report = measure([y.astype("float32")], Levels(100))
    >>> 1.8 < report.gain < 2.2
    True
    """
    by_order = scatters(planes, levels)
    points = by_order[0]
    offset, floor = levels.offset, None
    if dark is not None:
        # hot pixels would move a mean, and the steps of a quiet camera a median
        values = np.sort(np.concatenate([d.ravel() for d in dark]).astype(np.float64))
        cut = len(values) // 20
        offset = float(values[cut : len(values) - cut].mean())
        floor = float(scatter(dark, Levels(offset)).variances.mean())
    fit = line(points, offset, floor=floor)
    rows, columns = (line_noise(planes, levels, axis) for axis in (0, 1))
    least, bare = STRIPES * math.sqrt(points.variance), planes
    for axis, (size, errors) in enumerate((rows, columns)):
        if errors > 5 and size > least:
            bare = [without_lines(plane, levels, axis) for plane in some(bare)]
    shared = autocorrelation(bare, levels, offset, fit)
    beside = shared.picture.copy()
    beside[REACH, REACH] = 0.0
    alike = bool(np.abs(beside).max() > max(CORRELATED, 5 * shared.error))
    common: Common = "nothing"
    if alike and shared.texture > TEXTURE:
        common = "texture"
    elif alike:
        strength = shared.strength
        weak = strength is not None and strength * points.variance < (WEAK * points.contrast) ** 2
        unclear = weak or any(each(shared.picture, shared.error) for each in (broad, far))
        common = "noise or texture" if unclear else "noise"
    correlated = common in ("noise", "noise or texture")
    if correlated:
        # second differences of neighbours that share noise are too small
        times = shared.strength or 1.0
        fit = fit.times(times)
        sigma = gaussian_sigma(planes, levels, ORDERS[:1]) * math.sqrt(times)
        points = replace(points, variances=points.variances * times)
    else:
        points = refined(planes, levels, by_order)
        fit = line(points, offset, floor=floor)
        sigma = gaussian_sigma(planes, levels)
    read_noise = math.sqrt(fit.floor)
    read_error = fit.floor_error / (2 * max(read_noise, math.sqrt(fit.floor_error) / 2, 1e-12))
    if dark is not None:
        read_error = read_noise / math.sqrt(2 * sum(d.size for d in dark) / 4)
    elif math.isinf(fit.floor_error):
        read_error = math.inf
    known = {
        "gain": fit.gain_error < KNOWN * fit.gain,
        "read_noise": read_error < KNOWN * read_noise,
    }
    found: dict[str, Any] = dict(
        gain=fit.gain,
        read_noise=read_noise,
        offset=offset,
        gain_error=fit.gain_error,
        read_noise_error=read_error,
        gaussian_sigma=sigma,
        autocorrelation=shared.picture,
        correlation_error=shared.error,
        correlated=correlated,
        common=common,
        noiseless=shared.empty,
        row_noise=rows[1] > 5 and rows[0] > STRIPES * sigma,
        row_size=rows[0],
        column_noise=columns[1] > 5 and columns[0] > STRIPES * sigma,
        column_size=columns[0],
        clipped_low=levels.low_fraction,
        saturated=levels.high_fraction,
        photonless=levels.dark_fraction,
        # without a line there is nothing to be far from
        outliers=_outliers(planes, levels, offset, fit) if math.isfinite(fit.gain_error) else 0.0,
        left_out=levels.empty_fraction,
        identifiable=known,
        misfit=fit.misfit,
        points=points,
    )
    report = NoiseReport(**found, sentence="")
    return replace(report, sentence=sentence_of(report))


def recommend(report: NoiseReport, physics_name: str) -> tuple[str, dict[str, Any], str, str]:
    """Noise model, its parameters, method, and why.

    The parameters hold for the channel that was measured; without them a model measures
    each channel for itself.
    """
    method = "noise2self" if "identity" in find("physics", physics_name).traits else "ssi"
    label = "SSI" if method == "ssi" else "Noise2Self"
    sure = report.common == "noise"
    if sure or report.row_noise or report.column_noise:
        # few photons are not Gaussian, and belie the other methods
        even = kind_of(report) in ("gaussian", "independent")
        shared = ["Neighbouring pixels"] if sure else []
        shared += [stripes(report)] if stripes(report) else []
        return (
            "correlated",
            {},
            method,
            f"{' and '.join([shared[0], *(s[0].lower() + s[1:] for s in shared[1:])])} share noise: "
            f"{label} then hides with each pixel all that share "
            "its noise, as far as the measurement finds it to reach (structured masks)"
            + (
                "; or, where edges are sharp, UNSURE, which finds the covariance along the way."
                if even
                else "."
            ),
        )
    if report.common == "noise or texture":
        return (
            "independent",
            {},
            method,
            "What neighbouring pixels share may be fine texture of the specimen just as "
            f"well as noise: {label} with independent noise keeps both. If the "
            "recording was filtered, resampled or registered, choose Correlated between neighbours, which "
            "removes both.",
        )
    if report.common == "texture":
        return (
            "independent",
            {},
            method,
            f"Pixels taken to be independent: {label}, which masks, "
            "needs no more than that, and keeps texture.",
        )
    kind = kind_of(report)
    params: dict[str, Any] = {}
    if kind == "gaussian":
        params = {"sigma": _short(report.gaussian_sigma)}
        named = f"Gaussian noise of {params['sigma']:g} ADU"
    elif kind == "poisson":
        params = {"gain": _short(report.gain)}
        named = f"photon noise of {params['gain']:g} ADU per photon"
    elif kind == "poisson_gaussian":
        params = {"gain": _short(report.gain), "sigma": _short(report.read_noise)}
        named = f"photon noise of {params['gain']:g} ADU per photon and read noise of {params['sigma']:g} ADU"
    else:
        named = "noise of no known kind"
    told = math.isfinite(report.correlation_error)
    pixels = "Independent pixels" if told else "Pixels taken to be independent"
    words = f"{pixels} with {named}: {label}, which masks"
    if kind == "independent":
        return kind, params, method, f"{words}, needs no more than that."
    if report.outliers > SPOILED:
        return kind, params, method, f"{words}; not SURE, as {report.outliers:.1%} are outlying."
    return kind, params, method, f"{words}, or SURE, which uses these numbers."


def gaussian_sigma(
    planes: list[NDArray[np.float32]], levels: Levels, orders: tuple[int, ...] = ORDERS
) -> float:
    """Standard deviation of the noise as a whole, from differences along both axes.

    The median absolute deviation of the lowest of the ``orders`` than which no higher one has clearly
    less. Where many pixels have the same value, that of the brightness bins' variances. With all orders, as
    for noise that no pixels share, outliers have no say, and where pixels are clipped the line through the bins tells.
    """
    planes = some(planes)
    sigma = _sigma(planes, levels, orders)
    if orders == ORDERS:
        by_order = scatters(planes, levels)
        whole = mended(planes, levels, quietest(by_order))
        if whole is not planes:
            sigma = min(sigma, _sigma(whole, levels, orders))
        if levels.low_fraction + levels.high_fraction > CLIPPED:
            points = refined(planes, levels, by_order)
            variances = line(points, levels.offset).variance(points.means - levels.offset)
            sigma = math.sqrt(float(np.average(variances, weights=points.counts)))
    if sigma == 0.0:
        sigma = math.sqrt(scatter(planes, levels).variance)
    return max(sigma, 1e-6)


def _sigma(planes: list[NDArray[np.float32]], levels: Levels, orders: tuple[int, ...]) -> float:
    """0 where it can't be told."""
    sigma = math.inf
    for order in orders:
        residual = _left(planes, levels, order)
        some_left = residual.size > 0 and np.mean(residual == 0) <= 0.2
        found = _mad(residual) if some_left else 0.0
        if found**2 < (1 - LESS) * sigma**2:
            sigma = found
    return sigma


def _left(planes: list[NDArray[np.float32]], levels: Levels, order: int) -> NDArray[np.float64]:
    """Differences between pixels that all have data, at those that are not clipped."""
    edge = order // 2
    inner = (slice(edge, -edge),) * 2
    parts = []
    for plane in planes:
        y = plane.astype(np.float64)
        good = np.ones(y.shape, bool)
        for end in (levels.low, levels.high):
            if end is not None:
                good &= y != end
        if levels.empty is not None:
            good &= minimum_filter(y, order + 1) > levels.empty
        parts.append(difference(y, order)[inner][good[inner]])
    return np.concatenate(parts)


def _outliers(planes: list[NDArray[np.float32]], levels: Levels, offset: float, fit: Line) -> float:
    """Share of the pixels that no noise explains, among those that have data."""
    found = looked_at = 0
    for plane in some(planes):
        empty = np.zeros(plane.shape, bool) if levels.empty is None else plane == levels.empty
        if empty.all():
            continue
        if empty.any():  # the nearest pixel with data in its place, which sets nothing apart
            nearest = distance_transform_edt(empty, return_distances=False, return_indices=True)
            plane = plane[tuple(nearest)]
        odd = outlying(plane, lambda mean: fit.variance(mean - offset), fit.gain) & ~empty
        found += int(odd[1:-1, 1:-1].sum())
        looked_at += int((~empty)[1:-1, 1:-1].sum())
    return found / max(looked_at, 1)


def _mad(r: NDArray[np.floating]) -> float:
    return float(np.median(np.abs(r - np.median(r))) / 0.6745)


def _short(value: float) -> float:
    return float(f"{value:.3g}")
