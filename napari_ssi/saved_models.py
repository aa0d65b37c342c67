"""What was learned, kept in a file: the start for another recording (fine-tuning)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from . import registry
from .baselines.base import FittedBaseline
from .errors import InputError
from .io.atomic import atomically
from .recipe import Recipe
from .restoration import ChannelModel, Restoration
from .restorer import Weighted
from .training.model import TrainedModel, nothing_learned
from .training.settings import StartFile, Training
from .training.start import Start, sha256

#: What the file says of itself, and the version that is written and read.
FORMAT = "napari-ssi model"
VERSION = 1

#: A file, or ``restoration.models`` of an earlier run.
Source = str | Path | Sequence[ChannelModel] | None


def save_model(restoration: Restoration, path: str | Path) -> Path:
    """Keep what a run has learned in one file; returns its path.

    The file holds plain data only (tensors, numbers, text): per channel the weights, offset and
    scale of the recording, camera levels, the noise in words; and the recipe as JSON. Reading it
    runs no code. It is there whole or not at all.

    Raises
    ------
    InputError
        Nothing was learned, or the file cannot be written.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from napari_ssi import ImageStack, Recipe, run
    >>> y = np.random.default_rng(0).poisson(20, (2, 32, 32)).astype("uint16")
    >>> recipe = Recipe(method="noise2self", training={"steps": 2})
    >>> path = save_model(run(recipe, ImageStack(y[0], "YX")), tempfile.mkdtemp() + "/first.pt")
    >>> result = run(recipe, ImageStack(y[1], "YX"), start=path)
    >>> sorted(result.recipe.training["start"])
    ['path', 'sha256']
    """
    path = Path(path)
    channels = [
        {
            "weights": dict(start.weights),
            "ndim": start.ndim,
            "guided": start.guided,
            "first_guess": start.first_guess,
            "normalization": _plain(asdict(model.normalization)),
            "levels": _plain(asdict(model.levels)),
            "noise": model.noise.describe(),
            "estimates": _plain(model.fitted.estimates),
        }
        for start, model in zip(starts_of(restoration.models), restoration.models, strict=True)
    ]
    content = {
        "format": FORMAT,
        "version": VERSION,
        "recipe": restoration.recipe.to_json(),
        "channels": channels,
    }
    with atomically(path) as (temporary,):
        torch.save(content, temporary)
    return path


def starts_of(models: Sequence[ChannelModel]) -> list[Start]:
    """The weights of models in memory, copied.

    Raises :class:`~napari_ssi.errors.InputError` where nothing was learned.
    """
    found = []
    for model in models:
        fitted = model.fitted
        if not isinstance(fitted, TrainedModel):
            raise InputError(
                "A classical method learns no network: there is no model to save or to start from; "
                "choose a learned method."
            )
        if nothing_learned(fitted.estimates):
            raise InputError(
                "The run was stopped before its first step: there is no model to save or to start "
                "from."
            )
        weights = {n: v.detach().cpu().clone() for n, v in fitted.network.state_dict().items()}
        network = fitted.network
        found.append(Start(weights, network.ndim, network.guided, _named(fitted.guess)))
    return found


def _named(guess: Weighted | None) -> str:
    """The name of a first guess's method, if it is as the registry builds it."""
    method = guess.method if isinstance(guess, FittedBaseline) else None
    return next((n for n, e in registry.entries("baseline").items() if e.build({}) == method), "")


def load_starts(path: str | Path) -> tuple[list[Start], Recipe]:
    """The weights of each channel in a file, and the recipe that they were learned with.

    Raises
    ------
    InputError
        No such file, not such a file, or of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no model {path}; check the spelling and the folder.")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
        ours = content["format"] == FORMAT
        version = int(content["version"])
        known = content["channels"] if version <= VERSION else []
        channels = [
            Start(c["weights"], c["ndim"], c["guided"], c.get("first_guess", "")) for c in known
        ]
    except OSError as error:
        raise InputError(
            f"The model {path} cannot be read ({error.strerror}); check its permissions, or give another."
        ) from None
    except Exception:  # whatever a damaged or foreign file makes of torch's reader
        ours, version, channels = False, 0, []
    if not ours:
        raise InputError(f"{path.name} is not a model that was saved here, or it is damaged.")
    if version > VERSION:
        raise InputError(
            f"{path.name} has format version {version}, and this napari-ssi reads up to {VERSION}; "
            "install a newer napari-ssi."
        )
    return channels, Recipe.from_json(content["recipe"])


def begin(recipe: Recipe, source: Source, n: int) -> tuple[Recipe, list[Start | None]]:
    """Where the training of each of ``n`` channels starts; the recipe that says so.

    ``source`` takes the place of the recipe's ``training.start``. A model of one channel
    serves all. With ``training.steps`` 0 it is to be applied without training, for which the method
    must be that of the model.

    Raises
    ------
    InputError
        The model cannot be read, is not the one that the recipe names, or does not fit it; or
        there is none, and nothing is to be trained either.
    """
    if recipe.is_baseline:
        if source is not None:
            raise InputError(
                f"{recipe.label} is a classical method, which does not start from a model; choose a "
                "learned method."
            )
        return recipe, [None] * n
    settings = Training.from_params(recipe.training)
    named = settings.start
    path: str | Path | None = None
    if source is None:
        if named is None and settings.steps == 0:
            raise InputError(
                "Without training (training.steps is 0) there must be a model to apply; give a saved "
                "one as the start, or at least 1 step."
            )
        if named is None:
            return recipe, [None] * n
        if named.path is None:
            raise InputError(
                "The recipe starts from a model that was in memory and is not in a file; give a "
                "model file as the start, or remove training.start from the recipe."
            )
        path = named.path
    elif isinstance(source, str | Path):
        path = source
    if path is not None:
        starts, theirs = load_starts(path)
        physics, network = theirs.physics.name, theirs.network.name
        learned_by = registry.find("loss", theirs.method[0].name).class_name
    else:
        assert source is not None and not isinstance(source, str | Path)
        starts = starts_of(source)
        physics, network = source[0].physics if source else "", ""
        fitted = source[0].fitted if source else None
        learned_by = type(fitted.loss).__name__ if isinstance(fitted, TrainedModel) else ""
    if len(starts) not in (1, n):
        raise InputError(
            f"The model to start from covers {len(starts)} channels, but the recording has {n}; give "
            "one of a single channel, or of as many."
        )
    if physics != recipe.physics.name:
        raise InputError(
            f"The model to start from is for {physics!r}, but the recipe says "
            f"{recipe.physics.name!r}; train from scratch."
        )
    if network not in ("", recipe.network.name):
        raise InputError(
            f"The model to start from is the network {network!r}, but the recipe says "
            f"{recipe.network.name!r}; choose the same, or train from scratch."
        )
    if settings.steps == 0:
        _check_untrained(recipe, learned_by)
    digest = sha256(starts)
    if source is None and named is not None and named.sha256 not in (None, digest):
        raise InputError(
            f"{path} is not the model that the recipe names: its contents have changed; give that "
            "model as the start, or remove training.start.sha256 from the recipe."
        )
    where = None if path is None else str(Path(path).resolve())
    said = StartFile(path=where, sha256=digest).model_dump(exclude_none=True)
    training = {**recipe.training, "start": said}
    chosen: list[Start | None] = [*(starts if len(starts) == n else starts * n)]
    return recipe.model_copy(update={"training": training}), chosen


def _check_untrained(recipe: Recipe, learned_by: str) -> None:
    """Raise :class:`InputError` where what a loss of that class learned says nothing as it is."""
    entry = registry.find("loss", recipe.method[0].name)
    if entry.class_name != learned_by:
        names = [e.label for e in registry.methods().values() if e.class_name == learned_by]
        raise InputError(
            f"The model to start from was learned with {' or '.join(names)}, and without training "
            f"it is no use to {recipe.label}; choose the same method, or train."
        )
    loss = entry.build(recipe.method[0].params)
    if loss.sees_a_field or not loss.restores:
        raise InputError(
            f"What {recipe.label} learns holds for its own recording only, and cannot be applied to "
            "another without training; train, or choose another method for both."
        )


def _plain(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    """Numbers of Python, not of numpy, which a reader without code would refuse."""
    return {name: None if value is None else float(value) for name, value in figures.items()}
