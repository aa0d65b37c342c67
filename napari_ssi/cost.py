"""What a restoration will cost, measured before Start."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import background, pairing, pipeline
from .baselines import _tuning
from .baselines._rivals import Rivals
from .baselines._tiles import box, tiles
from .baselines.base import AT_ONCE, Baseline, FittedBaseline
from .device import choose
from .errors import InputError
from .events import Control, Watched
from .frames import sample, tensor
from .networks._module import NetworkModule
from .noise.base import NoiseModel
from .normalization import Normalization
from .physics.base import Physics
from .recipe import Recipe
from .registry import find
from .saved_models import Source, begin
from .stack import ImageStack, Index
from .stein import PROBES
from .training import first_guess, folds, held_out
from .training.cleaning import cleaned
from .training.model import on_device
from .training.start import Start
from .training.tiles import TILE_PIXELS, run_tiled
from .training.trainer import Trainer


@dataclass(frozen=True)
class Cost:
    """Time and memory of the full step budget; a run may end earlier.

    Attributes
    ----------
    seconds, memory
        Estimated duration in seconds and peak memory in bytes, on ``device``.
    device, reason
        Where it will run and why.
    notes
        Sentences on the PSF and the recording, as the run itself would give them.
    """

    seconds: float
    memory: int
    device: str
    reason: str
    notes: tuple[str, ...]


#: The piece of the recording that a classical method is tried on, by number of axes.
PIECE = {2: (160, 160), 3: (16, 48, 48)}
#: Seconds after which a try is cut short.
PATIENCE = 2.5
#: Share of the settings that a tuning goes through as a rule: it ends well past the best.
TRIED = 0.6

#: Memory of the process as such; what a classical method takes, in parts of what it says that it holds.
ALWAYS, BESIDES = 400_000_000, 1.3

#: What time is measured by; the tests count operations instead.
clock = time.perf_counter


def estimate(
    recipe: Recipe, stack: ImageStack, *, psf: pipeline.PSF = None, start: Source = None
) -> Cost:
    """Check a recipe against a recording and measure what running it would cost.

    Two training steps are timed on made-up data of the right size. A classical method is
    tuned and run on a small piece of the recording, since it is its noise that says how many
    settings and iterations it will take; single iterations are timed at both sizes. Takes a second
    or a few, so call it off the GUI thread. Raises :class:`~napari_ssi.errors.InputError` as
    :func:`~napari_ssi.pipeline.run` would.
    """
    recipe.check()
    if between := pairing.wanted(recipe):
        pairing.axis(stack, between)
    device, reason = choose(recipe.device)
    physics, notes = pipeline.bound_physics(recipe, stack, 0, psf)
    physics.to(device)
    frames = stack.frames(0, physics.ndim)
    shape = stack.spatial_shape[-(physics.ndim or stack.ndim) :]
    recipe, starts = begin(recipe, start, stack.n_channels)
    restorer = pipeline.restorer(recipe)
    noise: NoiseModel = find("noise", recipe.noise.name).build(recipe.noise.params)
    piece, noise = _piece(stack, frames[len(frames) // 2], noise, physics)
    if isinstance(restorer, Trainer):
        sampled = len(sample(stack, frames))
        seconds, memory = _trained(
            restorer, physics, noise, piece, shape, len(frames), sampled, starts[0]
        )
        memory += 8 * sampled * math.prod(shape)
    else:
        assert isinstance(restorer, Baseline)
        tuning, each, memory = _baseline(restorer, physics, noise, piece, shape)
        seconds = tuning + each * len(frames)
    fine = math.prod(physics.finer(shape))
    memory += ALWAYS + 4 * math.prod(stack.shape) * fine // math.prod(shape) + 24 * fine
    return Cost(seconds * stack.n_channels, memory, str(device), reason, tuple(notes))


@dataclass(frozen=True)
class Piece:
    """A piece of a frame in engine units, as it was measured, and the forward model there."""

    y: Tensor
    physics: Physics


def _piece(
    stack: ImageStack, index: Index, noise: NoiseModel, physics: Physics
) -> tuple[Piece, NoiseModel]:
    """The most telling piece near the middle of a frame, and the noise; calibrates ``physics``."""
    sizes = PIECE[sum(isinstance(i, slice) for i in index)]
    wanted = dict(zip("ZYX"[-len(sizes) :], sizes, strict=True))
    window: list[Any] = []
    corner: list[int] = []
    for axis, i in zip(stack.axes, index, strict=True):
        if isinstance(i, slice):
            n = stack.size(axis)
            size = min(n, 2 * wanted[axis])
            corner.append((n - size) // 2)
            i = slice(corner[-1], corner[-1] + size)
        window.append(i)
    frame = tensor(stack.read(tuple(window)))
    shape = tuple(frame.shape[2:])
    # without the pixels that say nothing, of which there may be very bright ones
    mended, _ = cleaned(frame, None, physics.part([corner], shape).missing(frame))
    planes = list(mended.reshape(-1, *shape[-2:]).numpy())
    levels = background.measure(planes)
    try:
        normalization = Normalization.fit(planes, levels.offset)
    except InputError:  # nothing to see here; there may be elsewhere
        made_up = np.random.default_rng(0).poisson(20, shape).astype(np.float32)
        frame = mended = tensor(made_up)
        planes = list(made_up.reshape(-1, *shape[-2:]))
        levels = background.Levels(offset=0.0)
        normalization = Normalization.fit(planes, levels.offset)
    noise = noise.fitted(planes, levels).rescaled(normalization.scale, levels.offset)
    physics.calibrate(normalization.scale, levels.offset)
    _, start, extent = _tuning.informative([mended], sizes)
    y = tensor(normalization(frame[0, 0].numpy()))[box(extent, start)]
    here = [a + b for a, b in zip(corner, start, strict=True)]
    return Piece(y, physics.part([here], extent)), noise


def _trained(
    trainer: Trainer,
    physics: Physics,
    noise: NoiseModel,
    piece: Piece,
    shape: tuple[int, ...],
    frames: int,
    sampled: int,
    start: Start | None,
) -> tuple[float, int]:
    device = physics.device
    guided = trainer.guided(physics, noise)
    generator = torch.Generator().manual_seed(0)
    random = torch.Generator(device).manual_seed(0)
    y = torch.rand(1, trainer.loss.recordings, *shape, generator=generator).to(device)
    windows = trainer.windows([y], [y > 1], physics)
    if start is not None:
        likewise = trainer.build(windows, generator, guided=guided is not None)
        start.fill(likewise, len(shape), guided=guided is not None)
    network = trainer.build(windows, generator).to(device)
    optimizer = torch.optim.Adam(network.parameters())
    began = 0.0
    for repeat in range(3):  # the first warms up
        if repeat == 1:
            began = _now(device)
        total = trainer.step(network, windows, noise, generator, random)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
    step = (_now(device) - began) / 2
    window, _, view = windows.draw(1, generator)
    seen = view.initial(window[:, :1])
    predict = on_device(trainer.loss, network, device)
    for _ in range(2):  # the first warms up
        began = _now(device)
        with torch.no_grad():
            predict(seen)
        predicted = _now(device) - began

    # from here on in pixels of the object, which is what the network sees
    ndim, restored = len(shape), physics.finer(shape)
    one, whole = math.prod(physics.finer(windows.size)), math.prod(restored)
    pixels = trainer.batch(ndim) * one
    # the held-out error is looked at before, now and then, and at the end
    budget = trainer.steps(ndim)
    checks = 1 + budget / trainer.every(budget)
    looked_at = held_out.LOOKED_AT[ndim]
    objects = math.prod(windows.object)
    # a correction under shared noise is judged by some restorations of a part
    shared = guided is not None and noise.correlated
    if shared:
        checked = (1 + PROBES) * min(objects, looked_at)
    elif objects <= looked_at:
        checked = objects * min(sampled, looked_at // objects)
    else:
        checked = one * max(2, looked_at // one)
    seconds = budget * step + checks * checked * predicted / one
    views = 1
    if trainer.ensemble(restored, frames):
        views = len([m for m in physics.symmetries(ndim) if m in windows.moves] or [None])
    views *= trainer.loss.passes
    seconds += views * frames * _tiled(network, restored) * predicted / one

    costs: list[tuple[float, float, int]] = []
    mixed = trainer.guess if trainer.mixes(physics, ndim) else None
    classical = guided or mixed
    if classical is not None:
        tried = classical.tried(len(shape)) if isinstance(classical, Rivals) else (classical,)
        costs = [
            _baseline(m, physics, noise, piece, shape) for m in tried if isinstance(m, Baseline)
        ]
        tuning, each = sum(cost[0] for cost in costs), max(cost[1] for cost in costs)
        # of a part a few times, of a few folds of some frames, and in the end of each frame
        judged = (1 + PROBES) * min(1.0, looked_at / whole) if shared or mixed else 0.0
        measured = math.prod(shape)
        some = min(sampled * measured, first_guess.MOST) / measured
        seconds += tuning + each * (frames + judged + (some * folds.FOLDS if guided else 0))
        if mixed:
            seconds += judged * views * _tiled(network, restored) * predicted / one
    width = network.channels
    training = pixels * width * 4 * 16
    classical_memory = max((cost[2] for cost in costs), default=0)
    inference = min(2 * whole, TILE_PIXELS[ndim]) * width * 4 * 6
    network_memory = max(training, inference)
    # of what the first has used about half is not given back
    return seconds, (
        max(network_memory, classical_memory) + min(network_memory, classical_memory) // 2
    )


def _tiled(network: NetworkModule, shape: tuple[int, ...]) -> int:
    """How many pixels the network is shown when it restores a frame, margins included."""
    pixels = 0

    def count(tile: Tensor) -> Tensor:
        nonlocal pixels
        pixels += tile.numel()
        return tile

    for _ in run_tiled(network, count, torch.zeros(1, 1, *shape), torch.zeros(1, 1, *shape)):
        pass
    return pixels


def _baseline(
    method: Baseline, physics: Physics, noise: NoiseModel, piece: Piece, shape: tuple[int, ...]
) -> tuple[float, float, int]:
    """Seconds to tune, seconds to restore a frame, and bytes."""
    device = physics.device
    y, here = piece.y.to(device), piece.physics
    small = tuple(y.shape[2:])
    crop = tuple(min(n, most) for n, most in zip(shape, _tuning.CROP[len(shape)], strict=True))
    control = Control()
    next(iter(method.solve(y, here, noise, 0.1, method.fallback)))  # warms up
    began = _now(device)
    fit = Watched(method.fit([piece.y], here, noise, control, torch.Generator().manual_seed(0)))
    share = 1.0
    for progress in fit:
        if _now(device) - began > PATIENCE and not control.stopping and progress.step > 0:
            control.stop()
            share = max(1.0, TRIED * progress.total / progress.step)
    fitted = fit.value
    tuning = share * (_now(device) - began)
    if method.setting is None and crop != small:
        several = _tuning.FOLDS
        tuning *= _iteration(fitted, physics, crop, several)
        tuning /= _iteration(fitted, physics, small, several)

    iterations = method.steps(fitted.setting)
    began = _now(device)
    solve = method.solve(y, here, noise, fitted.sigma, fitted.setting)
    for done, _ in enumerate(solve, 1):
        iterations = max(done, 1)
        if _now(device) - began > PATIENCE:
            iterations = max(done, method.steps(fitted.setting))
            break
    each = 0.0
    timed: dict[tuple[int, ...], float] = {}
    for tile in tiles(shape, physics, method.pixels_at_once(len(shape))):
        part = tuple(s.stop - s.start for s in tile.outer[2:])
        if part not in timed:
            timed[part] = _iteration(fitted, physics, part, 1)
        each += iterations * timed[part]
    share = math.prod(physics.object_shape(shape)) / method.pixels_at_once(len(shape))
    return tuning, each, int(BESIDES * AT_ONCE * min(1.0, share))


def _iteration(
    fitted: FittedBaseline, physics: Physics, shape: tuple[int, ...], several: int
) -> float:
    """Seconds of an iteration on made-up data of spatial ``shape``, several at once."""
    device = physics.device
    physics = physics.part([(0,) * len(shape)], shape)
    y = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    w = torch.ones(several, *y.shape[1:], device=device)
    steps = fitted.method.solve(y, physics, fitted.noise, fitted.sigma, fitted.setting, w)
    took = []
    for _ in range(4):
        began = _now(device)
        if next(steps, None) is None:
            break
        took.append(_now(device) - began)
    # the first two make ready; a method of one step has no others
    return min(took[2:] or took)


def _now(device: torch.device) -> float:
    """The clock, when the device has done all that it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
    return clock()
