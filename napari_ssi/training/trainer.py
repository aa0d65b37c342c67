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

from ..events import Control, Finishing, Progress, Watched
from ..losses._masks import replaced
from ..losses.base import Scene
from ..networks._module import NetworkModule
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import Steps
from . import first_guess, random_field
from .choice import Choice, Judge
from .cleaning import cleaned
from .first_guess import FirstGuess
from .held_out import HeldOut
from .material import Material
from .mixture import Mixture
from .model import TrainedModel, interruptible, precision
from .plan import Plan, seed
from .preview import Preview
from .schedule import Plateau
from .whole import Whole
from .windows import Windows


class _Enough(Exception):
    """Stop was pressed in the middle of a step."""


class Trainer(Plan):
    """The restorer behind every learned method.

    Effort is counted in steps. The data are drawn from ``generator`` alone, so that
    on one device and thread count a run repeats to the bit, previews or not.
    """

    WARMUP = 20
    PATIENCE = 8
    DECAYS = 3

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
        random = torch.Generator(device).manual_seed(seed(generator))
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
            looking = Watched(Whole.of(guess, material, physics, noise, control, generator))
            for progress in looking:
                yield replace(progress, plane=preview.plane)
            judge = looking.value
        else:
            seen = ([f[:, :1] for f in material.frames], [h[:, :1] for h in material.held])
            judge = HeldOut(*seen, physics, noise, windows.size, generator, guess)
        network = self.build(windows, generator, guided=guided is not None).to(device)
        network.apart(noise.extent(len(windows.size)))
        if isinstance(judge, Whole):
            judge.partly = self.start is None and network.corrects
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

        def look(step: int) -> float:
            nonlocal belied, select
            error = choice.look(step)
            belied = belied or (shared and self.loss.belied)
            select = select or (self.settings.select and belied)
            return error

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
                    values = {"loss": float(total.detach()), "held_out": look(step)}
                    if choice.diverged:
                        reason = "the training diverged; the best weights before were kept"
                        break
                    values |= self.loss.estimates
                    if select:
                        values |= {
                            "best_held_out": schedule.best,
                            "best_step": float(schedule.best_step),
                        }
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
            look(step)
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
        ready = (bool(step) or self.start is not None) and material.complete
        if ready and self.mixes(physics, len(windows.size)):
            assert self.guess is not None
            finishing = Finishing(control)

            def restore(y: Tensor, part: Physics, lost: Tensor) -> Steps:
                return model.restore(y, part, finishing, lost)

            mix = partial(Mixture.of, self.guess, restore, material)
            mixing = Watched(mix(physics, noise, finishing))
            for progress in mixing:
                yield replace(progress, plane=preview.plane)
            model.mixture = mixing.value
            for judged in ("outliers", "given_back"):  # of what was compared
                estimates.pop(judged, None)
            estimates["learned_share"] = mixing.value.share
        return model

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
