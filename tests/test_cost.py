"""The time before Start, in operations instead of seconds, which would depend on the machine."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe, cost, run
from napari_ssi.baselines._splitting import Splitting
from napari_ssi.networks.unet import UNetModule
from napari_ssi.physics.blur import Blur
from napari_ssi.psf.gaussian import gaussian

PSF = gaussian((3.0, 3.0), (1.0, 1.0))
#: About the seconds that one pixel of each takes.
NETWORK, SOLVER, BLUR = 2e-6, 1e-7, 2e-8


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """A clock that only work moves: pixels through a network, a blur or a solver's step."""
    now = 0.0

    def counted(owner: type, name: str, price: float, pixels: Callable) -> None:
        original = getattr(owner, name)

        def with_count(self, *args):
            nonlocal now
            learning = owner is UNetModule and torch.is_grad_enabled()
            now += price * pixels(self, *args) * (3 if learning else 1)
            return original(self, *args)

        monkeypatch.setattr(owner, name, with_count)

    counted(UNetModule, "forward", NETWORK, lambda self, x: x[:, :1].numel())
    counted(Splitting, "step", SOLVER, lambda self, *args: self.x.numel())
    counted(Blur, "A", BLUR, lambda self, x: x.numel())
    counted(Blur, "A_adjoint", BLUR, lambda self, y: y.numel())
    monkeypatch.setattr(cost, "clock", lambda: now)
    return lambda: now


def recording(shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = gaussian_filter((rng.random(shape) < 0.004) * 900.0, 2.0)
    return rng.poisson(x + 3).astype(np.float32)


LEARNED = {"steps": 20, "patch": (24, 24), "batch": 1}


@pytest.mark.parametrize(
    ("method", "physics", "shape", "training"),
    [
        ("richardson_lucy", "blur", (200, 180), {}),
        ("total_variation", "blur", (176, 170), {}),
        # not selected: a network no better than its guess would not be applied
        (
            "ssi",
            "blur",
            (64, 56),
            {**LEARNED, "first_guess": "richardson_lucy", "select": False},
        ),
        ("ssi", "blur", (64, 56), {**LEARNED, "first_guess": "none", "ensemble": False}),
        ("noise2self", "denoising", (90, 100), LEARNED),
        ("noise2self", "denoising", (3, 48, 40), LEARNED),
    ],
)
def test_the_time_before_start_is_that_of_the_full_budget(method, physics, shape, training, worked):
    parts = {"method": method, "physics": physics, "training": training}
    if training:
        parts["network"] = {"name": "unet", "params": {"channels": 4, "depth": 1}}
    recipe = Recipe.create(**parts)
    stack = ImageStack(recording(shape), "TYX"[-len(shape) :])
    psf = PSF if physics == "blur" else None
    said = cost.estimate(recipe, stack, psf=psf).seconds
    began = worked()
    run(recipe, stack, psf=psf)
    assert said == pytest.approx(worked() - began, rel=0.3)


@pytest.mark.parametrize("physics", ["denoising", "blur"])
def test_a_model_that_is_applied_as_it_is_costs_no_training(physics, worked):
    method = "ssi" if physics == "blur" else "noise2self"
    small = {"name": "unet", "params": {"channels": 4, "depth": 1}}
    # not mixed: a network no better than a classical method would not be applied
    training = {**LEARNED, "first_guess": "richardson_lucy", "steps": 2, "mixed": False}
    recipe = Recipe.create(method=method, physics=physics, training=training, network=small)
    psf = PSF if physics == "blur" else None
    stack = ImageStack(recording((64, 56)), "YX")
    models = run(recipe, stack, psf=psf).models
    recipe = recipe.with_settings({"training.steps": "0"})
    said = cost.estimate(recipe, stack, psf=psf, start=models).seconds
    began = worked()
    run(recipe, stack, psf=psf, start=models)
    assert said == pytest.approx(worked() - began, rel=0.3)


def test_a_try_that_takes_long_is_cut_short(worked, monkeypatch):
    recipe = Recipe.create(
        method=[{"name": "richardson_lucy", "params": {"iterations": 400}}], physics="blur"
    )
    stack = ImageStack(recording((64, 64)), "YX")
    whole = cost.estimate(recipe, stack, psf=PSF).seconds
    monkeypatch.setattr(cost, "PATIENCE", whole / 20)
    began = worked()
    short = cost.estimate(recipe, stack, psf=PSF).seconds
    assert worked() - began < whole / 5
    assert short == pytest.approx(whole, rel=0.1)


def test_an_even_middle_is_no_reason_to_refuse():
    y = np.zeros((700, 700), np.float32)
    y[:20] = recording((20, 700))
    recipe = Recipe.create(method="wiener", physics="blur")
    assert cost.estimate(recipe, ImageStack(y, "YX"), psf=PSF).seconds > 0


def test_channels_and_frames_cost_alike(worked):
    recipe = Recipe.create(
        method=[{"name": "richardson_lucy", "params": {"iterations": 20}}], physics="blur"
    )
    seconds = {
        axes: cost.estimate(recipe, ImageStack(recording(shape), axes), psf=PSF).seconds
        for axes, shape in {"YX": (40, 40), "TYX": (3, 40, 40), "CYX": (3, 40, 40)}.items()
    }
    assert seconds["TYX"] == pytest.approx(3 * seconds["YX"], rel=0.2)
    assert seconds["CYX"] == pytest.approx(3 * seconds["YX"], rel=0.01)
