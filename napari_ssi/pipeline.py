"""The way of the data, from a recording and a recipe to a restoration."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import background, registry
from .baselines._rivals import Rivals
from .device import choose
from .errors import InputError
from .events import Control, Progress, Watched
from .frames import divided, finer, planes_of, restored_shape, sample, tensor, usable
from .io.psfs import with_voxel_size
from .noise.base import NoiseModel
from .normalization import Normalization
from .pairing import learned_from
from .physics.base import Physics
from .psf.source import sha256
from .quality import residual
from .recipe import Part, Recipe
from .remarks import remarks
from .restoration import ChannelModel, Restoration, versions
from .restorer import Restorer, WeightedRestorer
from .saved_models import Source, begin
from .stack import ImageStack
from .training.model import TrainedModel, nothing_learned
from .training.settings import Training
from .training.start import Start
from .training.trainer import Trainer

PSF = NDArray[np.floating] | Sequence[NDArray[np.floating]] | None
Run = Generator[Progress, None, Restoration]


def run(
    recipe: Recipe,
    stack: ImageStack,
    *,
    psf: PSF = None,
    models: Sequence[ChannelModel] | None = None,
    start: Source = None,
    control: Control | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Restoration:
    """Restore a recording.

    Parameters
    ----------
    recipe
        What blurred it, what is known of the noise, the method.
    stack
        The recording; not modified.
    psf
        A PSF in memory, 2D or 3D, with the recording's pixel size, or one per
        channel; it takes the place of the recipe's.
    models
        ``restoration.models`` of an earlier run: applied without learning anew.
    start
        The same, or a file of :func:`~napari_ssi.saved_models.save_model`: learned on from there,
        or, with ``training.steps`` 0, applied as it is. Unlike with ``models``, offset, scale, noise and
        first guess are made anew, as of a recording of its own.
    control
        To stop, cancel or pause from another thread.
    report
        Called with every :class:`~napari_ssi.events.Progress`.

    Returns
    -------
    Restoration
        Image in the units of the recording, recipe, history, estimates, provenance.

    Raises
    ------
    InputError
        Anything that the user can mend, in one sentence.
    Cancelled
        After ``control.cancel()``.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ssi import ImageStack, Recipe, run
    >>> noisy = np.random.default_rng(0).poisson(20, (32, 32)).astype("uint16")
    >>> recipe = Recipe(method="noise2self", training={"steps": 2})
    >>> run(recipe, ImageStack(noisy, "YX")).image.shape
    (32, 32)
    """
    steps = iterate(recipe, stack, psf=psf, models=models, start=start, control=control)
    return Watched(steps).finish(report)


def iterate(
    recipe: Recipe,
    stack: ImageStack,
    *,
    psf: PSF = None,
    models: Sequence[ChannelModel] | None = None,
    start: Source = None,
    control: Control | None = None,
) -> Run:
    """As :func:`run`, as a generator of :class:`~napari_ssi.events.Progress`."""
    recipe.check()
    control = control or Control()
    began = time.monotonic()
    device, reason = choose(recipe.device)
    if models is not None and len(models) != stack.n_channels:
        raise InputError(
            f"What was learned covers {len(models)} channel(s), but the recording has "
            f"{stack.n_channels}; train on it instead."
        )
    if models is not None and any(m.physics != recipe.physics.name for m in models):
        raise InputError(
            f"What was learned is for {models[0].physics!r}, but the recipe says "
            f"{recipe.physics.name!r}; train anew for it."
        )
    starts: list[Start | None] = []
    if models is None:  # wrong parameters are refused before anything is read
        restorer(recipe)
        recipe, starts = begin(recipe, start, stack.n_channels)
        registry.find("noise", recipe.noise.name).build(recipe.noise.params)
    image = np.empty(0, np.float32)
    zoom: tuple[int, ...] = ()
    digest = hashlib.sha256()
    notes: list[str] = []
    estimates: dict[str, float] = {}
    history: list[dict[str, NDArray[np.float64]]] = []
    learned: list[ChannelModel] = []
    stopped = ""

    # what blurred each channel: what is wrong with the last is refused before the first is restored
    bound = [bound_physics(recipe, stack, channel, psf) for channel in range(stack.n_channels)]

    for channel in range(stack.n_channels):
        control.checkpoint()
        several = stack.n_channels > 1
        name = stack.channel_name(channel) if several else ""
        yield Progress("measuring", 0, 1, channel=name)

        physics, found = bound.pop(0)
        physics.to(device)
        notes += [f"{name}: {note}" if several else note for note in found]
        indices = stack.frames(channel, physics.ndim)
        if channel == 0:
            zoom = finer(physics, stack)
            image = np.empty(restored_shape(stack, zoom), np.float32)

        # camera levels, normalisation, noise: measured once, then used alike by every method
        if models is None:
            planes = planes_of(stack, channel, physics, indices)
            levels = camera_levels(recipe, planes)
            try:
                normalization = Normalization.fit(planes, levels.offset)
            except InputError as error:
                raise InputError(f"{name}: {error}" if several else str(error)) from None
            noise: NoiseModel = registry.find("noise", recipe.noise.name).build(recipe.noise.params)
            noise = noise.fitted(planes, levels).rescaled(normalization.scale, levels.offset)
            del planes
        else:
            model = models[channel]
            levels, normalization, noise = model.levels, model.normalization, model.noise
        physics.calibrate(normalization.scale, levels.offset)

        # learn, or tune, on some frames
        log: list[dict[str, float]] = []
        if models is None:
            sampled, found = learned_from(
                stack, indices, recipe, normalization, correlated=noise.correlated
            )
            notes += [f"{name}: {note}" if several else note for note in found]
            generator = torch.Generator().manual_seed(recipe.seed + 1000 * channel)
            method = restorer(recipe, starts[channel])
            fit = Watched(method.fit(sampled, physics, noise, control, generator))
            for progress in fit:
                if progress.values:
                    figures = _in_units(progress.values, normalization)
                    log.append({"step": float(progress.step), **figures})
                stopped = progress.message or stopped
                yield _outward(progress, normalization, name)
            fitted = fit.value
            del sampled
        else:
            fitted = models[channel].fitted

        # apply to every frame; what was stopped before the first step is handed back as it is
        untrained = nothing_learned(fitted.estimates)
        clipped, light_in, light_out = 0, 0.0, 0.0
        shares: dict[str, list[float]] = {"outliers": [], "given_back": []}
        blurs = physics.linear and not physics.identity
        judged = set(sample(stack, indices)) if blurs and not untrained else ()
        unexplained: list[residual.Structure | str] = []
        applying = time.monotonic()
        for done, index in enumerate(indices):
            frame = stack.read(index)
            digest.update(frame.tobytes())
            y = normalization(frame)
            work = Watched(fitted.apply(tensor(y), physics, control))
            for progress in work:
                whole = replace(
                    progress,
                    step=done * max(1, progress.total) + progress.step,
                    total=len(indices) * max(1, progress.total),
                    elapsed=time.monotonic() - applying,
                )
                yield _outward(whole, normalization, name)
            x = work.value[0, 0].numpy()
            if done in judged:  # before zeros take the place of what a linear filter made negative
                unexplained.append(residual.check(tensor(x), tensor(y), physics, noise))
            if nonnegative(recipe) and not untrained:
                clipped += int((x < 0).sum())
                x = np.maximum(x, 0)
            for key, seen in shares.items():
                seen += [v for k, v in fitted.estimates.items() if k == key]
            light_in += float(y.mean(dtype=np.float64, where=usable(y, physics)))
            light_out += float(x.mean(dtype=np.float64))
            stack.place(image, index, normalization.inverse(x).astype(np.float32))

        learned.append(ChannelModel(fitted, normalization, noise, levels, recipe.physics.name))
        history.append(_columns(log))
        prefix = f"{name}: " if several else ""
        facts = {
            "offset": levels.offset,
            "clipped_low": levels.low_fraction,
            "saturated": levels.high_fraction,
            "flux_ratio": light_out / light_in if light_in else float("nan"),
            "set_to_zero": float(clipped),
            **_in_units(fitted.estimates, normalization),
            **{key: float(np.mean(seen)) for key, seen in shares.items() if seen},
        }
        if isinstance(fitted, TrainedModel) and fitted.guess is not None and not untrained:
            notes += [prefix + note for note in (fitted.guess.remark,) if note]
        left, said = residual.summary(unexplained, _links(recipe))
        estimates |= {prefix + key: value for key, value in (facts | left).items()}
        said += remarks(facts, levels, untrained=untrained, shared=noise.correlated)
        notes += [prefix + note for note in said]

    return Restoration(
        image=image,
        source=replace(stack, data=image, pixel_size=divided(stack.pixel_size, zoom)),
        recipe=_self_contained(recipe, psf),
        history=tuple(history),
        estimates=estimates,
        notes=tuple(dict.fromkeys(notes)),
        provenance={
            "software": versions(),
            "python": platform.python_version(),
            "device": str(device),
            "device_reason": reason,
            "threads": torch.get_num_threads(),
            "seed": recipe.seed,
            "input_sha256": digest.hexdigest(),
            "seconds": round(time.monotonic() - began, 3),
            "ended": stopped,
        },
        models=tuple(learned),
        psf=None if psf is None else tuple(_arrays(psf)),
    )


def bound_physics(
    recipe: Recipe, stack: ImageStack, channel: int = 0, psf: PSF = None
) -> tuple[Physics, list[str]]:
    """The forward model of a channel, ready for the stack's frames, and notes for the user."""
    params = dict(recipe.physics.params)
    own = any(isinstance(p, list | tuple) and len(p) > 1 for p in (params.get("psf"), psf))
    if isinstance(params.get("psf"), list | tuple):
        params["psf"] = _for_channel(params["psf"], channel, stack)
    if isinstance(psf, list | tuple):
        psf = _for_channel(psf, channel, stack)
    notes: list[str] = []
    if params.get("psf") is not None:
        params["psf"] = with_voxel_size(params["psf"], notes)
    physics: Physics = registry.find("physics", recipe.physics.name).build(params)
    try:
        notes += physics.bind(
            stack.spatial_shape, stack.scale, None if psf is None else np.asarray(psf)
        )
    except InputError as error:
        raise InputError(f"{stack.channel_name(channel)}: {error}" if own else str(error)) from None
    return physics, notes


def _links(recipe: Recipe) -> list[str]:
    """The forward model's name, or those of its parts, which may stand for themselves."""
    parts = recipe.physics.params.get("parts") or [recipe.physics.name]
    return [str(part["name"] if isinstance(part, dict) else part) for part in parts]


def camera_levels(recipe: Recipe, planes: Sequence[NDArray[np.float32]]) -> background.Levels:
    """Offset and clipping of a channel; what the recipe says of them wins over the estimate."""
    levels = background.measure(planes, lowest=recipe.levels.lowest)
    given = recipe.levels.offset
    return levels if given is None else replace(levels, offset=given)


def restorer(recipe: Recipe, start: Start | None = None) -> Restorer:
    """The restorer that a recipe stands for; a learned one starts from ``start``."""
    first = recipe.method[0]
    if recipe.is_baseline:
        return registry.find("baseline", first.name).build(first.params)  # type: ignore[no-any-return]
    loss = registry.find("loss", first.name).build(first.params)
    penalties = [  # the scale of the sum does not matter, only the further terms' share in it
        (registry.find("loss", t.name).build(t.params), t.weight / first.weight, t.name)
        for t in recipe.method[1:]
    ]
    network = registry.find("network", recipe.network.name).build(recipe.network.params)
    settings = Training.from_params(recipe.training)
    return Trainer(
        settings,
        loss,
        penalties,
        network,
        recipe.effort,
        positive=nonnegative(recipe),
        guess=_first_guess(settings.first_guess, start),
        start=start,
    )


def _first_guess(name: str, start: Start | None) -> WeightedRestorer | None:
    """The classical method, or the two of which one is chosen, that a network starts from."""
    if name == "none":
        return None
    if name == "auto" and start is not None:  # it has learned to correct what that makes
        name = start.first_guess or "hessian"
    if name != "auto":
        named: WeightedRestorer = registry.find("baseline", name).build({})
        return named
    usual, other = (registry.find("baseline", n) for n in ("hessian", "total_variation"))
    remark = (
        f"The first guess is by the method {other.label}, which predicts held-out pixels clearly better "
        f"than {usual.label}."
    )
    return Rivals(usual.build({}), other.build({}), remark)


def nonnegative(recipe: Recipe) -> bool:
    """Whether the result is kept at or above the offset; by default for deconvolution only."""
    given = recipe.nonnegative
    sharp = "identity" in registry.find("physics", recipe.physics.name).traits
    return not sharp if given is None else given


def _for_channel(choices: Sequence[Any], channel: int, stack: ImageStack) -> Any:
    if len(choices) == 1:
        return choices[0]
    if len(choices) != stack.n_channels:
        raise InputError(
            f"Give one PSF, or one per channel ({stack.n_channels}); got {len(choices)}."
        )
    return choices[channel]


def _self_contained(recipe: Recipe, psf: PSF) -> Recipe:
    """The recipe with the hash of a PSF that was handed over in memory."""
    if psf is None:
        return recipe
    sources = [{"kind": "array", "sha256": sha256(array)} for array in _arrays(psf)]
    params = {**recipe.physics.params, "psf": sources[0] if len(sources) == 1 else sources}
    return recipe.model_copy(update={"physics": Part(name=recipe.physics.name, params=params)})


def _arrays(
    psf: NDArray[np.floating] | Sequence[NDArray[np.floating]],
) -> list[NDArray[np.floating]]:
    """One PSF for all channels, or one each."""
    return [np.asarray(p) for p in (psf if isinstance(psf, list | tuple) else [psf])]


def _outward(progress: Progress, normalization: Normalization, channel: str) -> Progress:
    """A report in the units of the recording."""
    preview = progress.preview
    if preview is not None:
        preview = normalization.inverse(preview).astype(np.float32)
    values = _in_units(progress.values, normalization)
    return replace(progress, preview=preview, channel=channel, values=values)


def _in_units(values: Mapping[str, float], normalization: Normalization) -> dict[str, float]:
    """Noise levels in the units of the recording; other figures have none."""
    return {
        name: value * normalization.scale if name.endswith("_upper") else value
        for name, value in values.items()
    }


def _columns(log: Sequence[dict[str, float]]) -> dict[str, NDArray[np.float64]]:
    names = dict.fromkeys(name for row in log for name in row)
    return {n: np.array([row.get(n, np.nan) for row in log], np.float64) for n in names}
