"""Train a network on one recording, watch it on pixels it never saw, keep the best."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import InputError
from ..events import Control, Progress
from ..losses._masks import replaced
from ..losses.base import Loss, Penalty, Scene
from ..networks._module import NetworkModule
from ..networks.unet import UNet
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import WeightedRestorer
from . import first_guess, held_out, random_field
from .first_guess import FirstGuess
from .model import TrainedModel, cleaned, interruptible, precision
from .preview import Preview
from .schedule import Plateau
from .settings import Training
from .start import Start
from .windows import Windows

#: Pixels of a single plane for which averaging the symmetries takes seconds.
SMALL = 2_000_000


class _Enough(Exception):
    """Stop was pressed in the middle of a step."""


class Trainer:
    """The restorer behind every learned method.

    Effort is counted in steps. The data are drawn from ``generator`` alone, so that
    on one device and thread count a run repeats to the bit, previews or not.

    Parameters
    ----------
    settings
        See :class:`Training`.
    loss
        The data term.
    penalties
        Optional further terms with their weights.
    network
        Settings of the network.
    effort
        The budget where ``settings.steps`` is not given.
    positive
        The object is known not to be negative.
    guess
        The method of the first guess that the network corrects, where the loss allows for one.
    start
        Weights of an earlier training to start from.
    """

    WARMUP = 20
    PATIENCE = 8
    DECAYS = 3

    def __init__(
        self,
        settings: Training,
        loss: Loss,
        penalties: Sequence[tuple[Penalty, float, str]],
        network: UNet,
        effort: str = "balanced",
        *,
        positive: bool = False,
        guess: WeightedRestorer | None = None,
        start: Start | None = None,
    ) -> None:
        self.settings = settings
        self.loss = loss
        self.penalties = penalties
        self.network = network
        self.positive = positive
        self.effort = effort
        self.guess = guess
        self.start = start

    def fit(
        self,
        y: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
    ) -> Generator[Progress, None, TrainedModel]:
        """Train; see :class:`~napari_ssi.restorer.Restorer`."""
        began = time.monotonic()
        device = physics.device
        trusted = noise if self.loss.trusts_noise else None
        frames = [frame.to(device) for frame in y]
        random = torch.Generator(device).manual_seed(_seed(generator))
        self.loss.begin()
        guided = self.guided(physics, noise)
        first = y[0][:, :1]
        shown, _ = cleaned(first, trusted, physics.missing(first))
        whole = physics
        guess: FirstGuess | None = None
        preview = Preview(control, whole.zoom)
        picture: NDArray[np.float32] | None = None
        if guided is not None:
            frames, part = first_guess.limited(frames)
            physics = whole.part([[start for start, _ in part]], [size for _, size in part])
        lost = [physics.missing(f) for f in frames]
        measured = frames
        frames, spoiled = (
            list(p)
            for p in zip(
                *(cleaned(f, trusted, m) for f, m in zip(frames, lost, strict=True)), strict=True
            )
        )
        # of two recordings of one scene, the same pixels
        held = held_out.draw([f[:, :1] for f in frames], noise, random)
        # neither count, and what is spoiled does not judge either
        apart = [h | bad for h, bad in zip(held, spoiled, strict=True)]
        held = [h & ~bad for h, bad in zip(held, spoiled, strict=True)]
        if guided is not None:
            # as it was measured where it is missing, so that the method sees what it is to leave out
            given = [
                f if m is None else torch.where(m, was, f)
                for was, f, m in zip(measured, frames, lost, strict=True)
            ]
            recording = whole.upsample(shown)
            places = zip(*(whole.finer(pair) for pair in zip(*part, strict=True)), strict=True)
            place = [(start, size) for start, size in places]

            def show(image: Tensor, now: bool) -> NDArray[np.float32] | None:
                return preview.guess(recording, image, place, now=now)

            steps = FirstGuess.fit(guided, given, apart, physics, noise, control, generator, show)
            while True:
                try:
                    progress = next(steps)
                except StopIteration as end:
                    guess = end.value
                    break
                yield replace(progress, plane=preview.plane)
            assert guess is not None
            picture = show(physics.crop(guess.objects[0][:1]), True)
            shown = first_guess.around(shown, guess.objects[0], part, whole)
            began = time.monotonic()
        elif self.loss.sees_a_field:
            guess = random_field.beside(y, physics, random)
            everything = [(0, n) for n in y[0].shape[2:]]
            shown = first_guess.around(shown, guess.objects[0], everything, physics)
        else:
            shown = whole.upsample(shown)
        windows = self.windows(frames, apart, physics, guess)
        judge = ([f[:, :1] for f in frames], [h[:, :1] for h in held])
        score = held_out.HeldOut(*judge, physics, noise, windows.size, generator, guess)
        network = self.build(windows, generator, guided=guided is not None).to(device)
        averaged = copy.deepcopy(network)
        judged = partial(self.loss.once, averaged)
        best = at_first = copy.deepcopy(network.state_dict())
        optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
        schedule = Plateau(self.settings.learning_rate, self.WARMUP, self.PATIENCE, self.DECAYS)
        budget = self.steps(len(windows.size))
        every = self.every(budget)
        reason = "the step budget was used up"
        values: dict[str, float] = {}
        alone: Tensor | None = None
        reported = step = 0
        last = -math.inf

        def halt() -> None:
            control.checkpoint()
            if control.stopping:
                raise _Enough

        if guided is not None or self.start is not None:  # what has to be improved on
            alone = score.squares(judged)
            schedule.report(0, held_out.trimmed(alone))
        at_start = schedule.best
        elapsed = time.monotonic() - began
        yield Progress("training", 0, budget, {}, elapsed, picture, preview.plane)
        with interruptible(network, halt), interruptible(averaged, control.checkpoint):
            for step in range(1, budget + 1):
                control.checkpoint()
                try:
                    if control.stopping:
                        raise _Enough
                    total = self.step(network, windows, noise, generator, random)
                except _Enough:
                    step -= 1
                    reason = "stopped by the user"
                    break
                for group in optimizer.param_groups:
                    group["lr"] = schedule.at(step)
                optimizer.zero_grad(set_to_none=True)
                total.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                self.loss.after_step()
                _average(averaged, network, min(self.settings.averaging, (1 + step) / (10 + step)))
                if step % every == 0 or step == budget:
                    reported = step
                    values = {"loss": float(total.detach()), "held_out": score(judged)}
                    if not math.isfinite(values["held_out"]):
                        reason = "the training diverged; the best weights before were kept"
                        break
                    if schedule.report(step, values["held_out"]):
                        best = copy.deepcopy(averaged.state_dict())
                    values |= {
                        "best_held_out": schedule.best,
                        "best_step": float(schedule.best_step),
                        **self.loss.estimates,
                    }
                    if self.settings.select and schedule.finished:
                        reason = "the held-out error no longer fell"
                now = time.monotonic()
                picture = preview.take(averaged, self.loss, shown, device)
                if picture is not None or reported == step or now - last > 0.1:
                    last = now
                    yield Progress(
                        "training",
                        step,
                        budget,
                        values if reported == step else {},
                        now - began,
                        picture,
                        preview.plane,
                    )
                if reason.startswith("the held-out"):
                    break
        if step > reported:  # stopped between two checks: the newest weights deserve a look
            latest = score(judged)
            if latest < schedule.best:
                schedule.report(step, latest)
                best = copy.deepcopy(averaged.state_dict())
        diverged = not math.isfinite(values.get("held_out", 0.0))
        if diverged and not math.isfinite(schedule.best):
            raise InputError(
                "The training diverged from the start; choose a lower learning rate "
                f"(training.learning_rate is {self.settings.learning_rate:g})."
            )
        keep_best = self.settings.select or diverged
        if keep_best:
            averaged.load_state_dict(best)
        best_step, kept = schedule.best_step if keep_best else step, schedule.best
        if keep_best and best_step and alone is not None and self.start is None:
            # the lowest of many looks at few pixels is so by luck, too
            surer = score.gain(alone, judged) >= held_out.BELIEVED
            if not surer:
                best_step, kept = 0, at_start
                averaged.load_state_dict(at_first)
        estimates = {
            "steps": float(step),
            "best_step": float(best_step),
            "training_seconds": time.monotonic() - began,
            **self.loss.estimates,
        }
        if self.start is not None:
            estimates["start_held_out"] = at_start
        if guess is not None:
            learned = sum(f.numel() for f in frames) / sum(f.numel() for f in y)
            estimates["learned_from"] = learned
        if math.isfinite(kept):
            estimates["held_out"] = kept
        yield Progress(
            "training",
            step,
            step or 1,
            values,
            estimates["training_seconds"],
            message=f"Training ended after {step} steps: {reason}.",
        )
        ensemble = self.ensemble(physics.finer(windows.shape), len(frames))
        method = None if guess is None else guess.method
        moves = windows.moves
        return TrainedModel(averaged, self.loss, estimates, ensemble, moves, method, trusted)

    def guided(self, physics: Physics, noise: NoiseModel) -> WeightedRestorer | None:
        """The method of the first guess, where there is a blur to undo, and loss and noise allow it.

        It is made for linear forward models.

        Noise that pixels share would reach them through the guess: around each pixel of a fold
        lie pixels of all others.
        """
        blurs = physics.linear and not physics.identity
        allowed = self.loss.cross_fits and not noise.correlated
        allowed = allowed and all(term.goes_with_a_guess for term, *_ in self.penalties)
        return self.guess if blurs and allowed else None

    def windows(
        self,
        frames: Sequence[Tensor],
        held: Sequence[Tensor],
        physics: Physics,
        guess: FirstGuess | None = None,
    ) -> Windows:
        """The source of training windows."""
        ndim = frames[0].ndim - 2
        inner = self.settings.patch or ((80, 80) if ndim == 2 else (16, 48, 48))
        inner = (*inner[:1] * max(0, ndim - len(inner)), *inner)[-ndim:]
        if self.settings.patch is None:  # the network sees the finer grid of the object
            inner = tuple(
                -(-n // z) for n, z in zip(inner, physics.finer((1,) * ndim), strict=True)
            )
        halo = physics.halo or ((0, 0),) * ndim
        size = [n + a + b for n, (a, b) in zip(inner, halo, strict=True)]
        size = [-(-s // 8) * 8 for s in size]
        return Windows(frames, held, physics, size, self.settings.augment, guess)

    def build(
        self, windows: Windows, generator: torch.Generator, *, guided: bool = False
    ) -> NetworkModule:
        """A network for such windows of the object, its weights drawn from ``generator``."""
        shape = windows.object
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(generator))
            # a network has one output, unless the loss, which then names its networks, wants more
            more = {"outputs": self.loss.outputs} if self.loss.outputs > 1 else {}
            positive = self.positive and self.loss.restores
            network = self.network.build(shape, positive=positive, guided=guided, **more)
        if self.start is not None:
            self.start.fill(network, len(shape), guided=guided)
        form = torch.channels_last if len(shape) == 2 else torch.channels_last_3d
        for weight in network.parameters():
            if weight.ndim > 1:  # biases have no layout
                weight.data = weight.data.contiguous(memory_format=form)
        network.under(windows.physics)
        return network

    def steps(self, ndim: int) -> int:
        """The budget."""
        return self.settings.steps or Training.STEPS[self.effort][ndim == 3]

    def every(self, budget: int) -> int:
        """Steps between two looks at the held-out error."""
        return max(5, min(25, budget // 8))

    def ensemble(self, shape: Sequence[int], frames: int) -> bool:
        """Whether the symmetries are averaged in frames of spatial ``shape``."""
        given = self.settings.ensemble
        small = len(shape) == 2 and frames == 1 and math.prod(shape) <= SMALL
        return small if given is None else given

    def batch(self, ndim: int) -> int:
        """Windows per step."""
        return self.settings.batch or (4 if ndim == 2 else 1)

    def step(
        self,
        network: NetworkModule,
        windows: Windows,
        noise: NoiseModel,
        generator: torch.Generator,
        random: torch.Generator,
    ) -> Tensor:
        """The loss of one batch of windows, ready for ``backward``."""
        y, mask, view = windows.draw(self.batch(len(windows.size)), generator)
        outputs: list[Tensor] = []

        def f(seen: Tensor) -> Tensor:
            half = nullcontext() if self.loss.exact else precision(seen.device, seen.shape[2:])
            with half:
                x: Tensor = network(seen)
            outputs.append(x.float())
            return outputs[-1]

        total = y.new_zeros(())
        for value in self.loss(f, y, view, noise, random, mask).values():
            total = total + value
        if self.penalties and not self.loss.restores:
            outputs = [self.loss.once(f, view.initial(replaced(y, view.hidden(mask))))]
        # further terms look at one recording, of which the same pixels are held out as of another
        scene = Scene(partial(self.loss.once, f), view, noise, random, mask[:, :1])
        x = outputs[-1]
        for penalty, weight, _ in self.penalties:
            total = total + weight * penalty(x, network, scene)
        return total


def _average(mean: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for a, b in zip(mean.parameters(), network.parameters(), strict=True):
            a.lerp_(b, 1 - decay)


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**31, (), generator=generator))
