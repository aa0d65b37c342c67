"""Everything that the registry finds runs on a (pretended) GPU, and does there what it does on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_ssi import ImageStack, Recipe, Restoration, cost, pipeline, registry
from napari_ssi.baselines import _tuning, total_variation
from napari_ssi.events import Control, Progress
from napari_ssi.saved_models import save_model
from napari_ssi.training import tiles, trainer

Run = Callable[..., Restoration]
KINDS = ("cuda", "mps")
#: What a forward model does not do without; ``compose`` here is three at once.
PARAMS: dict[str, dict[str, Any]] = {
    "compose": {
        "parts": [
            {"name": "blur"},
            {"name": "motion", "params": {"length": 2.5, "angle": 30}},
            {"name": "downsampling"},
            {"name": "inpainting"},
        ]
    },
    "saturation": {"level": 150.0},
}
#: As little work as goes through every line.
LITTLE = {"steps": 2, "patch": (16, 16), "batch": 2, "ensemble": False, "first_guess": "none"}
NARROW = {"channels": 4}
LOSSES = {name: entry for name, entry in registry.entries("loss").items() if entry.role == "data"}
TERMS = [name for name, entry in registry.entries("loss").items() if entry.role != "data"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "precision", lambda *_: nullcontext())  # float32 on either
    monkeypatch.setattr(total_variation, "MOST", 8)
    monkeypatch.setattr(_tuning.Scores, "hopeless", lambda scores: len(scores.means) == 3)


@pytest.fixture
def on(
    pretended: Callable[[str], AbstractContextManager[torch.device]],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Runs ``job(…)``, by default :func:`napari_ssi.run`, where there is such a GPU, and takes it."""

    def run(
        kind: str, *args: Any, job: Any = pipeline.run, chosen: str | None = None, **kwargs: Any
    ) -> Any:
        with nullcontext(torch.device("cpu")) if kind == "cpu" else pretended(kind) as device:
            for module in (pipeline, cost):
                monkeypatch.setattr(
                    module, "choose", lambda _: (torch.device(chosen or device), "chosen")
                )
            return job(*args, **kwargs)

    return run


@cache
def recording(*shape: int, seed: int = 0) -> np.ndarray:
    """Photons of a bright box, and one hot pixel."""
    x = np.ones(shape)
    x[..., 5:9, 6:12] = 4
    y = np.random.default_rng(seed).poisson(30 * x).astype(np.float32)
    y[..., 14, 4] = 400
    return y


def stack(method: str, ndim: int) -> ImageStack:
    shape = (6, 20, 22)[-ndim:]
    axes = "ZYX"[-ndim:]
    if method == "noise2noise":  # of one scene
        pair = [recording(*shape), recording(*shape, seed=1)]
        return ImageStack(np.stack(pair), "T" + axes)
    return ImageStack(recording(*shape), axes)


def psf(physics: str, ndim: int) -> np.ndarray | None:
    if physics in ("denoising", "inpainting", "motion"):
        return None
    kernel = np.outer([1, 2, 1], [1, 2, 3, 2, 1]).astype(float)
    if ndim == 3:
        kernel = np.stack([kernel, 3 * kernel, kernel])
    return np.stack([kernel, kernel**2]) if physics == "depth_varying_blur" else kernel


def recipe(
    method: Any,
    physics: str = "denoising",
    noise: str = "independent",
    network: str = "",
    **training: Any,
) -> Recipe:
    """``method`` is a name, or several terms."""
    name = method if isinstance(method, str) else method[0]["name"]
    learned = name in LOSSES
    return Recipe.create(
        physics={"name": physics, "params": PARAMS.get(physics, {})},
        noise=noise,
        method=method,
        network={
            "name": network or registry.network_for(name),
            "params": NARROW if learned else {},
        },
        training=LITTLE | training if learned else {},
    )


def agree(there: Restoration, here: Restoration) -> None:
    """To rounding."""
    assert np.isfinite(there.image).all()
    np.testing.assert_allclose(there.image, here.image, rtol=1e-3, atol=1e-3 * here.image.max())
    assert there.estimates.keys() == here.estimates.keys()
    assert there.provenance["device"] != here.provenance["device"]


def possible(name: str, **wanted: str) -> bool:
    return not registry.methods()[name].refusal(**wanted)


def noises(method: str, physics: str) -> list[str]:
    known = registry.entries("noise")
    return [n for n in known if possible(method, physics=physics, noise=n)]


def forward() -> Iterator[tuple[str, str]]:
    """Every forward model, with a classical and a learned method as far as they suit it."""
    for name, entry in registry.entries("physics").items():
        mixing = {"mixing", "saturating"} & set(entry.traits)
        classical = mixing and name != "downsampling"
        for method in (
            "ssi" if mixing else "noise2self",
            "richardson_lucy" if classical else "total_variation",
        ):
            if possible(method, physics=name, noise="independent"):
                yield name, method


FORWARD = list(forward())
EVERY_NOISE = [(loss, noise) for loss in LOSSES for noise in noises(loss, "denoising")]


def cases() -> Iterator[Any]:
    """All of them, slow but for one loss with each noise."""
    seen: set[str] = set()
    for number, (loss, noise) in enumerate(EVERY_NOISE):
        marks = [pytest.mark.slow] if noise in seen else []
        seen.add(noise)
        yield pytest.param(number, loss, noise, marks=marks)


@pytest.mark.parametrize(("number", "loss", "noise"), list(cases()))
def test_every_loss_with_every_noise(on: Run, number: int, loss: str, noise: str) -> None:
    """On what refuses most, with and without a blur in turn."""
    blur = number % 2 and possible(loss, physics="blur", noise=noise)
    physics = "blur" if blur else "denoising"
    result = on("mps", recipe(loss, physics, noise), stack(loss, 2), psf=psf(physics, 2))
    assert np.isfinite(result.image).all()


METHODS = [
    (method, physics)
    for method in registry.methods()
    for physics in ("denoising", "blur")
    if noises(method, physics)
]


def test_no_method_is_left_out() -> None:
    assert {method for method, _ in METHODS} == set(registry.methods())
    assert {physics for physics, _ in FORWARD} == set(registry.entries("physics"))


@pytest.mark.parametrize(("method", "physics"), METHODS)
def test_every_method_agrees_with_the_cpu(on: Run, method: str, physics: str) -> None:
    what = (recipe(method, physics, noises(method, physics)[-1]), stack(method, 2))
    agree(on("cuda", *what, psf=psf(physics, 2)), on("cpu", *what, psf=psf(physics, 2)))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("network", registry.entries("network"))
def test_every_network(on: Run, network: str, ndim: int) -> None:
    wanted = {"physics": "blur", "noise": "gaussian", "network": network}
    loss = next(name for name in LOSSES if possible(name, **wanted))
    what = (
        recipe(loss, "blur", "gaussian", network, first_guess="richardson_lucy"),
        stack("", ndim),
    )
    agree(
        on(KINDS[ndim % 2], *what, psf=psf("blur", ndim)), on("cpu", *what, psf=psf("blur", ndim))
    )


@pytest.mark.parametrize(("physics", "method"), FORWARD)
def test_every_physics(on: Run, physics: str, method: str) -> None:
    ndim = 3 if physics in ("depth_varying_blur", "isotropic") else 2
    what = (recipe(method, physics), stack(method, ndim))
    agree(on("mps", *what, psf=psf(physics, ndim)), on("cpu", *what, psf=psf(physics, ndim)))


@pytest.mark.parametrize("term", TERMS)
def test_every_further_term(on: Run, term: str) -> None:
    terms = [{"name": "noise2self"}, {"name": term, "weight": 0.1}]
    what = (recipe(terms, "inpainting", "gaussian"), stack("", 2))
    agree(on("mps", *what), on("cpu", *what))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "physics"), [("noise2self", "denoising"), ("ssi", "blur")])
def test_with_everything_switched_on(
    on: Run, kind: str, method: str, physics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles, averaged symmetries, previews, detail given back, two channels, a first guess."""
    monkeypatch.setattr(tiles, "TILE_PIXELS", {2: 400, 3: 2000})
    monkeypatch.setattr(registry.find("baseline", "richardson_lucy").load(), "pixels_at_once", few)
    data = np.stack([recording(20, 52), recording(20, 52, seed=1)])
    training = {"ensemble": True, "first_guess": "richardson_lucy"}
    what = (recipe(method, physics, "gaussian", **training), ImageStack(data, "CYX"))
    results, shown = [], []
    for where in (kind, "cpu"):
        seen: list[Progress] = []
        control = Control(preview_interval=0)
        found = on(where, *what, psf=psf(physics, 2), control=control, report=seen.append)
        results.append(found)
        shown.append([p.preview for p in seen if p.preview is not None])
    agree(*results)
    assert all(np.isfinite(picture).all() for picture in shown[0])
    # which of the later steps are shown is a matter of time
    np.testing.assert_allclose(shown[0][0], shown[1][0], rtol=1e-3, atol=1e-3 * data.max())


def few(self: object, ndim: int) -> int:
    return 1000


@pytest.mark.parametrize(("kind", "loss"), [("cuda", "noise2score"), ("mps", "unsure")])
def test_what_was_learned_goes_on(on: Run, kind: str, loss: str, tmp_path: Path) -> None:
    """In memory and in a file, on the same device and from one to the other."""
    what = (recipe(loss, noise="gaussian"), stack("", 2))
    learned = on(kind, *what)
    agree(learned, on("cpu", *what))
    again = on(kind, *what, models=learned.models)
    np.testing.assert_array_equal(again.image, learned.image)
    moved = on(kind, *what, models=learned.models, chosen="cpu")
    np.testing.assert_allclose(moved.image, learned.image, rtol=1e-3)
    path = tmp_path / "model.pt"
    on(kind, *what, job=lambda *given: save_model(pipeline.run(*given), path))
    agree(on(kind, *what, start=path), on("cpu", *what, start=path))
    if loss == "noise2score":  # is not applied to another recording
        return
    as_it_is = (recipe(loss, noise="gaussian", steps=0), what[1])
    agree(on(kind, *as_it_is, start=path), on("cpu", *as_it_is, start=path))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["ssi", "wiener"])
def test_the_forecast(on: Run, kind: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[None] = []
    monkeypatch.setattr(getattr(torch, kind), "synchronize", lambda: waited.append(None))
    what = (recipe(method, "blur", "gaussian"), stack("", 2))
    assert on(kind, *what, psf=psf("blur", 2), job=cost.estimate).seconds > 0
    assert waited
