"""What all classical methods share: tuning, tiles, progress and previews."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..configured import Configured
from ..events import Control, Progress
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import Show, Steps
from ..stein import Stein, explained, strongest
from . import _tuning
from ._filling import filled
from ._photons import Photons
from ._tiles import Tile, box, tiles

#: Iterates before this one look worse than the recording (measured on simulated blobs).
PRESENTABLE = 5
#: Bytes that the restoration of a part may hold; what is larger is restored in parts.
AT_ONCE = 3_000_000_000

_TOO_FEW = "Too few pixels were measured to choose by"


class Baseline(Configured, ABC):
    """A classical method with one setting: a number of iterations, or a weight.

    A subclass says how to solve for a setting (:meth:`solve`), and how to run through
    all settings worth trying (:meth:`path`). If its setting is left open (``None``) it is
    chosen by held-out pixels, see :mod:`._tuning`,
    or where pixels share noise by :class:`~napari_ssi.stein.Stein`.
    """

    @property
    @abstractmethod
    def setting(self) -> float | None:
        """The setting if the user has fixed it, else ``None``."""

    @property
    @abstractmethod
    def fallback(self) -> float:
        """The documented setting where the image is too small to choose one."""

    @property
    @abstractmethod
    def setting_name(self) -> str:
        """What the setting is called in estimates and progress: ``iterations``, ``weight``."""

    @property
    @abstractmethod
    def tries(self) -> int:
        """The most settings that :meth:`path` yields."""

    @abstractmethod
    def path(
        self, y: Tensor, w: Tensor, physics: Physics, noise: NoiseModel, sigma: float
    ) -> Iterator[tuple[float, Tensor] | None]:
        """Settings from the most to the least regularised, each with A x for all weightings.

        ``w`` is ``(N, 1, *shape)``, zero where a pixel is held out, and ``y`` as many or one;
        ``None`` is yielded after work that leads to no score yet, so that a user's cancel is
        heard in time.
        """

    @abstractmethod
    def solve(
        self,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        sigma: float,
        setting: float,
        w: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """Iterates of the object, halo included; the last is the result.

        ``w`` are N weightings of y as in :meth:`path`, each solved for itself; one of ones if absent.
        """

    @abstractmethod
    def steps(self, setting: float) -> int:
        """How many iterates :meth:`solve` yields as a rule; a few images take more."""

    @abstractmethod
    def pixels_at_once(self, ndim: int) -> int:
        """How many object pixels :meth:`solve` can hold in about ``AT_ONCE`` bytes."""

    def measured(self, y: Tensor) -> dict[str, float]:
        """Further estimates worth showing, from one frame."""
        return {}

    def fit(
        self,
        y: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
    ) -> Generator[Progress, None, FittedBaseline]:
        """Choose the setting on the most telling crop, or take the one given; see the restorer."""
        began = time.perf_counter()
        known = [weights(frame, physics) for frame in y]
        number, start, size = _tuning.informative(
            [f if w is None else filled(f, w) for f, w in zip(y, known, strict=True)]
        )
        crop, usable = y[number][box(size, start)], known[number]
        usable = None if usable is None else usable[box(size, start)]
        physics = physics.part([start], size)
        seen = crop if usable is None else filled(crop, usable)
        sigma = _tuning.noise_level(seen, usable)
        if noise.correlated:  # then neighbours differ by less than their noise
            sigma = strongest(seen, noise)
        estimates = {"noise_level": sigma, **self.measured(seen)}
        message, judged = "", None
        if self.setting is not None:
            chosen = self.setting
        elif crop.numel() < _tuning.SMALLEST or min(crop.shape[-2:]) < 3:
            chosen = self.fallback
            message = (
                f"The image is too small to choose the {self.setting_name} by; {chosen:g} is used."
            )
        else:
            tune = self._weigh if noise.correlated else self._tune
            scores = yield from tune(crop, usable, physics, noise, control, generator, sigma)
            if scores.settings:
                index = scores.choice()
                chosen, judged = scores.settings[index], scores.losses(index)
                estimates["held_out"] = scores.means[index]
                estimates["best_held_out"] = scores.means[scores.best]
            else:
                chosen = self.fallback
                why = "Stopped before anything was tried" if control.stopping else _TOO_FEW
                message = f"{why}; {chosen:g} is used."
        estimates[self.setting_name] = chosen
        elapsed = time.perf_counter() - began
        yield Progress("tuning", 1, 1, dict(estimates), elapsed, message=message)
        return FittedBaseline(self, noise, sigma, chosen, estimates, judged)

    def _tune(
        self,
        crop: Tensor,
        usable: Tensor | None,
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
        sigma: float,
    ) -> Generator[Progress, None, _tuning.Scores]:
        held, scored = (
            mask.to(physics.device) for mask in _tuning.folds(crop.shape[2:], generator, noise)
        )
        crop = crop.to(physics.device)
        w = (~held).to(crop.dtype)
        if usable is not None:
            usable = usable.to(physics.device)
            w, scored = w * usable, scored & (usable > 0)
        several = crop.expand(len(held), *crop.shape[1:])
        scores = _tuning.Scores(sigma, several, scored, Photons.of(noise))
        if scores.count < _tuning.FEWEST:
            return scores

        def score(setting: float, prediction: Tensor) -> float:
            return scores.add(setting, noise.mean(prediction))

        path = self.path(crop, w, physics, noise, sigma)
        yield from self._follow(path, score, scores, control)
        return scores

    def _follow(
        self,
        path: Iterator[tuple[float, Tensor] | None],
        score: Callable[[float, Tensor], float],
        scores: _tuning.Scores,
        control: Control,
    ) -> Generator[Progress, None, None]:
        """Score a path's settings until it has clearly passed the best."""
        began = time.perf_counter()
        for step in path:
            control.checkpoint()
            if step is not None:
                values = {
                    self.setting_name: step[0],
                    "held_out": score(*step),
                    "best_held_out": scores.means[scores.best],
                }
                elapsed = time.perf_counter() - began
                yield Progress("tuning", len(scores.means), self.tries, values, elapsed)
                if scores.hopeless():
                    break
            if control.stopping:
                break

    def _weigh(
        self,
        crop: Tensor,
        usable: Tensor | None,
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
        sigma: float,
    ) -> Generator[Progress, None, _tuning.Scores]:
        """The same by the risk that Stein estimates, where neighbours share noise."""
        w = torch.ones_like(crop) if usable is None else usable
        crop = filled(crop, w)
        counted = (w > 0) & explained(crop, noise)
        crop, w, counted = (a.to(physics.device) for a in (crop, w, counted))
        risks = _tuning.Scores(sigma, crop, counted)
        if risks.count < _tuning.FEWEST:
            return risks
        stein = Stein(crop, noise, generator)

        def score(setting: float, predictions: Tensor) -> float:
            return risks.take(setting, stein.losses(predictions))

        path = self.path(stein.data, w.expand_as(stein.data), physics, noise, sigma)
        yield from self._follow(path, score, risks, control)
        return risks


@dataclass(frozen=True)
class FittedBaseline:
    """A classical method with its setting chosen, ready for all frames.

    ``judged`` are the losses that it was chosen by, pixel by pixel, ``remark`` what a user should
    know of its choice.
    """

    method: Baseline
    noise: NoiseModel
    sigma: float
    setting: float
    estimates: dict[str, float] = field(default_factory=dict)
    judged: Tensor | None = field(default=None, repr=False)
    remark: str = ""

    def apply(self, y: Tensor, physics: Physics, control: Control) -> Steps:
        """Restore one frame, tile by tile where it is large; see :class:`~..restorer.Fitted`."""
        began = time.perf_counter()
        ndim = y.ndim - 2
        plan = tiles(tuple(y.shape[2:]), physics, self.method.pixels_at_once(ndim))
        per_tile = self.method.steps(self.setting)
        total = per_tile * len(plan)
        w = weights(y, physics)
        seen = physics.upsample(y if w is None else filled(y, w))
        out = torch.empty_like(seen)
        shown = time.perf_counter()
        for number, tile in enumerate(plan):
            part, here = y[tile.outer].to(physics.device), tile.physics(physics)
            known = None if w is None else w[tile.outer].to(physics.device)
            steps = self.method.solve(part, here, self.noise, self.sigma, self.setting, known)
            image = part  # replaced at once: every method takes a step
            control.checkpoint()
            for done, image in enumerate(steps, start=1):
                control.checkpoint()
                now = time.perf_counter()
                preview = None
                interval = control.preview_interval
                if interval is not None and now - shown >= interval:
                    plane = _plane(control, y)
                    if ndim == 3:
                        plane = physics.finer((plane, 0, 0))[0] + physics.finer((1, 1, 1))[0] // 2
                    preview = _preview(seen, out, plan[:number], tile, physics.crop(image), plane)
                    shown = now
                yield Progress(
                    "restoring",
                    number * per_tile + min(done, per_tile),
                    total,
                    {self.method.setting_name: self.setting},
                    now - began,
                    preview,
                    _plane(control, y),
                )
            out[tile.inner] = physics.crop(image)[tile.within].to(out.device)
        elapsed = time.perf_counter() - began
        yield Progress("restoring", total, total, dict(self.estimates), elapsed)
        return out

    def objects(
        self, y: Tensor, w: Tensor, physics: Physics, control: Control, show: Show | None = None
    ) -> Steps:
        """The whole object, halo included, for N weightings ``(N, 1, *shape)`` of one frame.

        Pixels of weight 0 have no influence. Raises :class:`~napari_ssi.events.Cancelled`; on
        Stop the object is as far as it has come. ``show`` makes previews of the first weighting:
        the others begin as smoothly, and a picture that falls back would puzzle.
        """
        began = time.perf_counter()
        each_takes = self.method.steps(self.setting)
        total = len(w) * each_takes
        found: list[Tensor] = []
        for n, each in enumerate(w.split(1)):
            steps = self.method.solve(y, physics, self.noise, self.sigma, self.setting, each)
            for done, image in enumerate(steps, start=1):
                found[n:] = [image]
                control.checkpoint()
                step = n * each_takes + min(done, each_takes)
                preview = None
                if show is not None and n == 0 and done >= min(PRESENTABLE, each_takes):
                    preview = show(physics.crop(image), done == each_takes)
                yield Progress("first guess", step, total, {}, time.perf_counter() - began, preview)
                if control.stopping:
                    break
        return torch.cat(found)


def weights(y: Tensor, physics: Physics) -> Tensor | None:
    """1 for the pixels of y that say something, 0 for the others; ``None`` where all do."""
    missing = physics.missing(y)
    return None if missing is None else (~missing).to(y.dtype)


def relative_spacing(physics: Physics, ndim: int) -> list[float]:
    """Size of the object's voxels per spatial axis over the smallest; 1 where it is not known."""
    sizes = physics.pixel_size
    if sizes is None or len(sizes) < ndim:
        sizes = (1.0,) * ndim
    zoom = physics.finer((1,) * ndim)
    sizes = tuple(s / z for s, z in zip(sizes[len(sizes) - ndim :], zoom, strict=True))
    return [size / min(sizes) for size in sizes]


def _plane(control: Control, y: Tensor) -> int:
    return min(max(control.plane, 0), y.shape[2] - 1) if y.ndim == 5 else 0


def _preview(
    y: Tensor, out: Tensor, finished: Sequence[Tile], tile: Tile, image: Tensor, plane: int
) -> NDArray[np.float32]:
    """One plane: finished tiles, the one at work, and the measurement elsewhere."""
    at = (0, 0, plane) if y.ndim == 5 else (0, 0)
    shown = y[at].clone()
    for each in finished:
        if y.ndim == 4 or each.inner[2].start <= plane < each.inner[2].stop:
            shown[each.inner[-2:]] = out[at][each.inner[-2:]]
    if y.ndim == 4:
        shown[tile.inner[-2:]] = image[tile.within][0, 0].to(shown.device)
    elif tile.inner[2].start <= plane < tile.inner[2].stop:
        z = plane - tile.inner[2].start
        shown[tile.inner[-2:]] = image[tile.within][0, 0, z].to(shown.device)
    return np.asarray(shown.cpu().numpy(), dtype=np.float32)
