"""The width of the PSF from the recording itself: a suggestion, by pixels that are kept out.

For each width of a Gaussian the recording is restored quickly without some of its pixels, and
the result, blurred again by the same PSF, predicts them. A PSF that is too wide cannot make edges
as sharp as they were recorded; one that is too narrow leaves to the prior what blur explains. The
first is a fact, the second depends on the prior: so two restorations with opposite leanings are
asked. The Wiener filter, whose smoothness takes over part of a narrow blur, tends to widths that are
too small in clean images; Richardson-Lucy, which has no smoothness but the PSF's, to widths that
are too large in noisy ones. What both leave open is the range of the answer.

What no image can tell: a specimen that is smooth by itself looks as if it were blurred. The estimate
is of the blur that the *finest* structures have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import background, registry
from .baselines import _tuning
from .baselines._photons import Photons
from .baselines._tiles import box
from .baselines.base import Baseline
from .errors import InputError
from .events import Control, Progress, Watched
from .frames import sample, tensor
from .noise.base import NoiseModel
from .normalization import Normalization
from .paired import excess
from .physics.blur import Blur
from .psf.gaussian import FWHM_PER_SIGMA, gaussian
from .psf.width import Curve, WidthEstimate, widths
from .stack import ImageStack
from .stein import strongest

#: The quick restorations, and their parameters.
RESTORATIONS: dict[str, dict[str, object]] = {
    "wiener": {},
    "richardson_lucy": {},
}
#: Widths tried: FWHM in pixels, each the root of 2 times the last.
WIDTHS = tuple(FWHM_PER_SIGMA * 0.35 * 2 ** (k / 2) for k in range(10))
#: The crop that is looked at, the most telling of the recording.
CROP = {2: (160, 160), 3: (12, 64, 64)}
#: Fewer planes are looked at one by one.
FEW_PLANES = 5
#: FWHM along z over that in the plane, where it is not given: that of a high aperture.
AXIAL_RATIO = 3.0
#: Standard errors beyond which a width is out of the question.
HOPELESS = 6.0

Steps = Generator[Progress, None, WidthEstimate]


@dataclass(frozen=True)
class _Case:
    """The crop, the pixels that each fold sees and that score it, and the noise; engine units."""

    y: Tensor
    w: Tensor
    scored: Tensor
    noise: NoiseModel
    sigma: float


def estimate_width(
    stack: ImageStack,
    *,
    channel: int = 0,
    axial_ratio: float = AXIAL_RATIO,
    noise: str = "independent",
    offset: float | None = None,
    seed: int = 0,
    report: Callable[[Progress], None] | None = None,
) -> WidthEstimate:
    """Suggest the width of the PSF of a recording that comes without one.

    Parameters
    ----------
    stack
        The recording; the most telling crop of a few frames is looked at.
    channel
        Which channel, from 0.
    axial_ratio
        FWHM along z over that in the plane, in µm (in pixels where their size is not known);
        for stacks of five planes and more. The image is not asked for it.
    noise
        What is known of the noise, see ``napari-ssi methods``.
    offset
        Of the camera, in the units of the recording; estimated if not given.
    seed
        Of the pixels that are kept out.
    report
        Called with every :class:`~napari_ssi.events.Progress`.

    Raises
    ------
    InputError
        An unknown noise or channel, or too little image.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> rng = np.random.default_rng(0)
    >>> x = gaussian_filter(rng.normal(size=(64, 64)), 3) > 0.05  # sharp shapes
    >>> y = gaussian_filter(x.astype("float32"), 2.0) + 0.1 * rng.normal(size=x.shape)
    >>> found = estimate_width(ImageStack(y, "YX", (0.1, 0.1)), offset=0)
    >>> found.range[0] < 4.7 < found.range[1]  # pixels: the FWHM of that Gaussian
    True
    """
    steps = iterate(
        stack,
        channel=channel,
        axial_ratio=axial_ratio,
        noise=noise,
        offset=offset,
        seed=seed,
    )
    return Watched(steps).finish(report)


def iterate(
    stack: ImageStack,
    *,
    channel: int = 0,
    axial_ratio: float = AXIAL_RATIO,
    noise: str = "independent",
    offset: float | None = None,
    seed: int = 0,
    control: Control | None = None,
) -> Steps:
    """As :func:`estimate_width`, as a generator of :class:`~napari_ssi.events.Progress`."""
    control, began = control or Control(), time.monotonic()
    if not 1 <= axial_ratio <= 20:
        raise InputError(
            f"The axial ratio must be between 1 and 20 (FWHM along z over that in the plane). Got "
            f"{axial_ratio:g} instead."
        )
    if not 0 <= channel < stack.n_channels:
        raise InputError(
            f"The recording has {stack.n_channels} channel(s), numbered from 0; got {channel}."
        )
    ndim = 3 if stack.ndim == 3 and stack.spatial_shape[0] >= FEW_PLANES else 2
    case = _case(stack, channel, ndim, noise, offset, seed)
    ratio = axial_ratio if ndim == 3 else None
    methods = [registry.find("baseline", n).build(p) for n, p in RESTORATIONS.items()]
    losses: list[list[Tensor]] = [[] for _ in methods]
    total = len(methods) * len(WIDTHS)
    tried: list[float] = []
    for fwhm in WIDTHS:
        physics = _physics(fwhm, stack, case.y, ratio)
        if physics is None:  # wider than the crop
            break
        for number, method in enumerate(methods):
            loss = yield from _loss(method, case, physics, control)
            losses[number].append(loss)
            at = len(tried) * len(methods) + number + 1
            values = {"fwhm": fwhm, "held_out": float(loss.mean())}
            yield Progress("widths", at, total, values, time.monotonic() - began)
        tried.append(fwhm)
        if all(_hopeless(each) for each in losses):
            break
    if len(tried) < 3:
        raise InputError(
            "The recording is too small to try the width of a PSF on it; give at least "
            "64 x 64 pixels."
        )
    curves = tuple(
        _curve(name, tried, each) for name, each in zip(RESTORATIONS, losses, strict=True)
    )
    notes = []
    if ndim == 3:
        notes.append(
            f"Along z the PSF is taken to be {axial_ratio:.3g} times as wide as in the plane; the "
            "image was not asked."
        )
    if case.noise.correlated:
        notes.append(
            "Neighbouring pixels share noise; how well the width is found then was not measured."
        )
    size = stack.pixel_size
    return WidthEstimate(curves, None if size is None else tuple(size[-ndim:]), ratio, tuple(notes))


def _case(
    stack: ImageStack, channel: int, ndim: int, noise: str, offset: float | None, seed: int
) -> _Case:
    """The crop with the most structure in engine units, and what is kept out of it."""
    planes = list(stack.planes(channel))
    levels = background.measure(planes)
    offset = levels.offset if offset is None else offset
    normalization = Normalization.fit(planes, offset)
    model: NoiseModel = registry.find("noise", noise).build({})
    model = model.fitted(planes, levels).rescaled(normalization.scale, offset)
    indices = stack.frames(channel, ndim)
    frames = [tensor(normalization(stack.read(indices[i]))) for i in sample(stack, indices)]
    number, start, size = _tuning.informative(frames, CROP[ndim])
    y = frames[number][box(size, start)].contiguous()
    sigma = _tuning.noise_level(y)
    if model.correlated:
        sigma = strongest(y, model)
    generator = torch.Generator().manual_seed(seed)
    held, scored = _tuning.folds(size, generator, model)
    if int(scored.sum()) < _tuning.FEWEST or min(size[-2:]) < 32:
        raise InputError(
            f"The recording is too small ({' x '.join(map(str, reversed(size)))} pixels) to choose "
            "the width of a PSF by pixels kept out; give at least 64 x 64 pixels."
        )
    return _Case(y, (~held).to(y.dtype), scored, model, sigma)


def _physics(fwhm: float, stack: ImageStack, y: Tensor, ratio: float | None) -> Blur | None:
    """Blur by this width on the crop; ``None`` where it does not fit into it."""
    shape = tuple(y.shape[2:])
    size = stack.scale[-len(shape) :]
    kernel = gaussian(widths(fwhm, stack.pixel_size, ratio), size)
    if 2 * fwhm > min(shape[-2:]):
        return None
    blur = Blur()
    try:
        blur.bind(shape, size, kernel)
    except InputError:
        return None
    return blur


def _loss(
    method: Baseline, case: _Case, physics: Blur, control: Control
) -> Generator[Progress, None, Tensor]:
    """Pixel by pixel, at the setting of the method that predicts best."""
    yield from ()
    several = case.y.expand(len(case.w), *case.y.shape[1:])
    scores = _tuning.Scores(case.sigma, several, case.scored, Photons.of(case.noise))
    for step in method.path(case.y, case.w, physics, case.noise, case.sigma):
        control.checkpoint()
        if step is not None:
            scores.add(step[0], case.noise.mean(step[1]))
            if scores.hopeless():
                break
    return scores.losses(scores.best).double()


def _hopeless(losses: list[Tensor]) -> bool:
    """Whether the last two widths are both far behind the best."""
    means = [float(loss.mean()) for loss in losses]
    best = int(np.argmin(means))
    if len(losses) < best + 3:
        return False
    found = [excess(loss, losses[best]) for loss in losses[-2:]]
    return all(more > HOPELESS * error for more, error in found)


def _curve(name: str, tried: list[float], losses: list[Tensor]) -> Curve:
    means = [float(loss.mean()) for loss in losses]
    best = losses[int(np.argmin(means))]
    found = [excess(loss, best) for loss in losses]
    return Curve(
        name,
        tuple(tried),
        tuple(means),
        tuple(more for more, _ in found),
        tuple(error for _, error in found),
    )
