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

from ..events import Control, Progress, Watched
from ..losses._masks import replaced
from ..losses.base import Loss, Penalty, Scene
from ..networks._module import NetworkModule
from ..networks.unet import UNet
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import Steps, WeightedRestorer
from . import first_guess, random_field
from .choice import Choice, Judge
from .first_guess import FirstGuess
from .held_out import HeldOut
from .material import Material
from .mixture import Mixture
from .model import TrainedModel, cleaned, interruptible, precision
from .preview import Preview
from .schedule import Plateau
from .settings import Training
from .start import Start
from .whole import Whole
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
        device = physics.device
        trusted = noise if self.loss.trusts_noise else None
        # all that share noise with a held-out pixel are hidden with it, and a network that learned from whole
        # pictures looks the worse with such holes the better it is: the last weights are kept, unless the loss
        # itself tells that they cannot be trusted
        shared = physics.identity and noise.correlated and self.loss.trusts_noise
        select = self.settings.select and not shared
        frames = [frame.to(device) for frame in y]
        random = torch.Generator(device).manual_seed(_seed(generator))
        self.loss.begin(noise)
        preview = Preview(control, physics.zoom)
        first = y[0][:, :1]
        shown, _ = cleaned(first, trusted, physics.missing(first))
        whole, part = physics, [(0, n) for n in first.shape[2:]]
        guided = self.guided(physics, noise)
        if self.start is not None:  # refused before the first guess, which may take a while
            self.start.check(len(part), guided=guided is not None)
        if guided is not None:
            frames, part = first_guess.limited(frames)
            physics = whole.part([[start for start, _ in part]], [size for _, size in part])
        material = Material.draw(frames, physics, noise, trusted, random)
        guess: FirstGuess | None = None
        picture: NDArray[np.float32] | None = None
        if guided is not None:
            show = preview.of_guess(whole.upsample(shown), part, whole)
            given = (material.measured, material.apart, physics, noise, control, generator, show)
            guessing = Watched(FirstGuess.fit(guided, *given))
            for progress in guessing:
                yield replace(progress, plane=preview.plane)
            guess = guessing.value
            picture = show(physics.crop(guess.objects[0][:1]), True)
        elif self.loss.sees_a_field:
            guess = random_field.beside(y, physics, random)
        if guess is None:
            shown = whole.upsample(shown)
        else:
            shown = first_guess.around(shown, guess.objects[0], part, whole)
        began = time.monotonic()
        # further terms say what the estimate is to be like, which the recording need not be
        asked = bool(self.penalties) or self.loss.noise_spreads
        sharp = noise if physics.identity and not asked else None
        windows = self.windows(material.frames, material.apart, physics, guess)
        judge: Judge
        if guess is not None and guided is not None and noise.correlated:
            of = (material.frames[0][:, :1], material.apart[0][:, :1], physics, noise)
            looking = Watched(Whole.of(guess, *of, control, generator, partly=self.start is None))
            for progress in looking:
                yield replace(progress, plane=preview.plane)
            judge = looking.value
        else:
            seen = ([f[:, :1] for f in material.frames], [h[:, :1] for h in material.held])
            judge = HeldOut(*seen, physics, noise, windows.size, generator, guess)
        network = self.build(windows, generator, guided=guided is not None).to(device)
        network.apart(noise.extent(len(windows.size)))
        averaged = copy.deepcopy(network)
        optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
        schedule = Plateau(self.settings.learning_rate, self.WARMUP, self.PATIENCE, self.DECAYS)
        predict = partial(self.loss.once, averaged)
        choice = Choice(averaged, predict, judge, schedule, late=guided is not None)
        budget = self.steps(len(windows.size))
        every = self.every(budget)
        reason = "the step budget was used up"
        values: dict[str, float] = {}
        looked = step = 0
        belied = False
        last = -math.inf

        def halt() -> None:
            control.checkpoint()
            if control.stopping:
                raise _Enough

        if guided is not None or self.start is not None:
            # one that adds nothing to the guess starts from weights that say nothing
            unlike = self.start is None and not network.corrects
            choice.begin(first_guess.alone if unlike else None)
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
                ended = False
                if step % every == 0 or step == budget:
                    looked = step
                    values = {"loss": float(total.detach()), "held_out": choice.look(step)}
                    if choice.diverged:
                        reason = "the training diverged; the best weights before were kept"
                        break
                    values |= self.loss.estimates
                    if select:
                        values |= {
                            "best_held_out": schedule.best,
                            "best_step": float(schedule.best_step),
                        }
                    belied = belied or (shared and self.loss.belied)
                    select = select or (self.settings.select and belied)
                    ended = select and schedule.finished
                now = time.monotonic()
                picture = preview.take(averaged, self.loss, shown, device, sharp)
                if picture is not None or looked == step or now - last > 0.1:
                    last = now
                    new = values if looked == step else {}
                    at = preview.plane
                    yield Progress("training", step, budget, new, now - began, picture, at)
                if ended:
                    reason = "the held-out error no longer fell"
                    break
        if step > looked:  # stopped between two checks: the newest weights deserve a look
            choice.look(step)
            belied = belied or (shared and self.loss.belied)
            select = select or (self.settings.select and belied)
        # an earlier training has been chosen for its weights; a first guess is there anyway
        blend = self.start is None
        best_step, kept = choice.end(step, select=select, blend=blend)
        estimates = {
            "steps": float(step),
            "best_step": float(best_step),
            "training_seconds": time.monotonic() - began,
            **self.loss.estimates,
        }
        if belied:
            estimates["belied"] = 1.0
        if self.start is not None:
            estimates["start_held_out"] = choice.at_start
        if guess is not None:
            learned = sum(f.numel() for f in frames) / sum(f.numel() for f in y)
            estimates["learned_from"] = learned
            estimates["correction"] = choice.share
        if math.isfinite(kept):
            estimates["held_out"] = kept
            if select:  # the lowest may have been lowest by luck
                values = {**values, "best_held_out": kept, "best_step": float(best_step)}
        told = f"Training ended after {step} steps: {reason}."
        if budget == 0:
            told, values = "Not trained: the start is applied as it is.", {"held_out": kept}
        yield Progress(
            "training",
            step,
            step or 1,
            values,
            estimates["training_seconds"],
            message=told,
        )
        ensemble = self.ensemble(physics.finer(windows.shape), len(frames))
        method = None if guess is None else guess.method
        moves = windows.moves
        model = TrainedModel(
            averaged, self.loss, estimates, ensemble, moves, method, trusted, sharp
        )
        if step and not control.stopping and self.mixes(physics, len(windows.size)):
            assert self.guess is not None

            def restore(y: Tensor, part: Physics) -> Steps:
                return model.restore(y, part, control)

            mix = partial(Mixture.of, self.guess, restore, material.measured)
            mixing = Watched(mix(physics, noise, control, generator))
            for progress in mixing:
                yield replace(progress, plane=preview.plane)
            model.mixture = mixing.value
            estimates["learned_share"] = mixing.value.share
        return model

    def mixes(self, physics: Physics, ndim: int) -> bool:
        """Whether the result is mixed with that of a classical method: of planes, without a blur to undo."""
        given = self.settings.mixed
        wanted = self.loss.mixes if given is None else given
        able = self.loss.recordings == 1 and self.loss.restores and not self.loss.sees_a_field
        sharp = (
            physics.identity and ndim == 2
        )  # in 3D the classical method may take longer than the network
        return wanted and able and sharp and self.guess is not None and not self.penalties

    def guided(self, physics: Physics, noise: NoiseModel) -> WeightedRestorer | None:
        """The method of the first guess, where there is a blur to undo, and loss and noise allow it.

        It is made for linear forward models. Noise that whole rows and whole columns share would reach
        every pixel through the guess.
        """
        blurs = physics.linear and not physics.identity
        allowed = self.loss.cross_fits and not all(map(math.isinf, noise.extent(2)))
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
        given = self.settings.steps
        return Training.STEPS[self.effort][ndim == 3] if given is None else given

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
            exact = self.loss.exact
            half = nullcontext() if exact else precision(seen.device, seen.shape[2:], network)
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
