"""What a restoration will cost, measured before Start."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch

from . import pipeline
from .background import Levels
from .baselines._tuning import CROP
from .device import choose
from .frames import sample
from .noise.base import NoiseModel
from .physics.base import Physics
from .recipe import Recipe
from .registry import find
from .stack import ImageStack
from .training import first_guess
from .training.tiles import TILE_PIXELS
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


def estimate(recipe: Recipe, stack: ImageStack, *, psf: pipeline.PSF = None) -> Cost:
    """Check a recipe against a recording and measure what running it would cost.

    Two training steps (or two applications of the forward model, for a baseline)
    are timed on made-up data of the right size; takes a second or a few, so call
    it off the GUI thread. Raises :class:`~napari_ssi.errors.InputError` as
    :func:`~napari_ssi.pipeline.run` would.
    """
    recipe.check()
    device, reason = choose(recipe.device)
    physics, notes = pipeline.bound_physics(recipe, stack, 0, psf)
    physics.to(device)
    frames = stack.frames(0, physics.ndim)
    shape = stack.spatial_shape[-(physics.ndim or stack.ndim) :]
    restorer = pipeline.restorer(recipe)
    if isinstance(restorer, Trainer):
        noise: NoiseModel = find("noise", recipe.noise.name).build(recipe.noise.params)
        made_up = np.random.default_rng(0).random((64, 64), dtype=np.float32)
        noise = noise.fitted([made_up], Levels(offset=0.0)).rescaled(1.0, 0.0)
        seconds, memory = _trained(restorer, physics, noise, shape, len(frames))
        sampled = sample(stack, frames)
        memory += 8 * len(sampled) * math.prod(shape)
    else:
        seconds, memory = _baseline(physics, shape, len(frames))
    fine = math.prod(physics.finer(shape))
    memory += 4 * math.prod(stack.shape) * fine // math.prod(shape) + 24 * fine
    return Cost(seconds * stack.n_channels, memory, str(device), reason, tuple(notes))


def _trained(
    trainer: Trainer, physics: Physics, noise: NoiseModel, shape: tuple[int, ...], frames: int
) -> tuple[float, int]:
    device, measured = physics.device, shape
    generator = torch.Generator().manual_seed(0)
    random = torch.Generator(device).manual_seed(0)
    y = torch.rand(1, 1, *shape, generator=generator).to(device)
    windows = trainer.windows([y], [y > 1], physics)
    network = trainer.build(windows.object, generator).to(device)
    began = 0.0
    for repeat in range(3):  # the first warms up
        if repeat == 1:
            _wait(device)
            began = time.perf_counter()
        trainer.step(network, windows, noise, generator, random).backward()
    _wait(device)
    step = (time.perf_counter() - began) / 2
    pixels = trainer.batch(len(shape)) * math.prod(physics.finer(windows.size))
    shape = physics.finer(shape)  # what is restored
    # a forward pass is about a third of a step; margins double the pixels of a tile
    per_pixel = step / 3 / pixels
    views = max(1, len(windows.moves)) if trainer.ensemble(shape, frames) else 1
    seconds = (
        1.15 * trainer.steps(len(shape)) * step + 2 * per_pixel * math.prod(shape) * frames * views
    )
    guided = trainer.guided(physics, noise)
    if guided is not None:
        # of a few folds, and in the end the whole; tuning takes as long as a small image
        guess, _ = _baseline(physics, measured, frames)
        few = min(math.prod(measured), first_guess.MOST) / math.prod(measured)
        seconds += guess * (1 + few * first_guess.FOLDS)
    width = network.channels
    training = pixels * width * 4 * 16
    inference = min(2 * math.prod(shape), TILE_PIXELS[len(shape)]) * width * 4 * 6
    return seconds, max(training, inference) + 300_000_000


def _baseline(physics: Physics, shape: tuple[int, ...], frames: int) -> tuple[float, int]:
    """Forty iterations on the recording, and as many per fold on the tuning crop."""
    device = physics.device
    x = torch.rand(1, 1, *physics.object_shape(shape), device=device)
    physics.A_adjoint(physics.A(x))
    _wait(device)
    began = time.perf_counter()
    physics.A_adjoint(physics.A(x))
    _wait(device)
    once = 2 * (time.perf_counter() - began) + 20e-9 * x.numel()
    crop = math.prod(min(n, most) for n, most in zip(shape, CROP[len(shape)], strict=True))
    tuning = once * crop / math.prod(shape) * 200
    return tuning + 40 * once * frames, 60 * x.numel() + 300_000_000


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
