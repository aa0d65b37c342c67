"""A network's restoration mixed with a classical one, without a blur."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from torch.nn.functional import avg_pool2d

from napari_ssi import ImageStack, Recipe, Restoration, background, run
from napari_ssi.background import Levels
from napari_ssi.events import Cancelled, Control, Progress, Watched
from napari_ssi.noise.gamma import Gamma
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.pipeline import restorer
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.quality.psnr import psnr
from napari_ssi.remarks import remarks
from napari_ssi.restorer import Steps
from napari_ssi.stein import Stein
from napari_ssi.training.material import Material
from napari_ssi.training.mixture import Mixture
from napari_ssi.training.model import TrainedModel

SIGMA = 0.1


def specimen(rng: np.random.Generator, shape: tuple[int, int] = (128, 128)) -> np.ndarray:
    """Smooth shades and sharp edges."""
    edges = gaussian_filter(rng.normal(size=shape), 6) > 0
    shades = gaussian_filter(rng.normal(size=shape), 8)
    return 0.3 + 0.4 * edges + 2 * shades


def noise(rng: np.random.Generator, shape: tuple[int, int], *, shared: bool) -> np.ndarray:
    white = rng.normal(size=shape)
    return SIGMA * (3 * uniform_filter(white, 3, mode="wrap") if shared else white)


def recorded(shared: bool = False) -> tuple[np.ndarray, ImageStack]:
    rng = np.random.default_rng(0)
    x = specimen(rng)
    return x, ImageStack((x + noise(rng, x.shape, shared=shared)).astype(np.float32), "YX")


def alone(result: Restoration, stack: ImageStack, share: float) -> np.ndarray:
    """The same with a given share of the network."""
    (model,) = result.models
    assert isinstance(model.fitted, TrainedModel) and model.fitted.mixture is not None
    mixture = replace(model.fitted.mixture, share=share)
    other = replace(model, fitted=replace(model.fitted, mixture=mixture))
    return run(result.recipe, stack, models=[other]).image


@pytest.mark.parametrize("known", ["independent", "gaussian", "correlated"])
def test_the_mixture_is_not_worse_than_the_better_of_both(known: str) -> None:
    x, stack = recorded(known == "correlated")
    recipe = Recipe.create(noise=known, method="noise2self", training={"steps": 100})
    result = run(recipe, stack)
    learned, classical = (psnr(alone(result, stack, w), x, data_range=1) for w in (1.0, 0.0))
    hessian = run(Recipe.create(noise=known, method="hessian"), stack)
    assert classical == pytest.approx(psnr(hessian.image, x, data_range=1), abs=0.5)
    assert psnr(result.image, x, data_range=1) > max(classical, learned) - 0.1


class Classical:
    """Gives the truth and a little of the recording's noise, and an error of its own."""

    remark = ""

    def __init__(self, x: torch.Tensor, follows: float, wrong: torch.Tensor) -> None:
        self.x, self.follows, self.wrong = x, follows, wrong
        self.estimates: dict[str, float] = {}

    def fit(self, *given: object) -> Steps:
        yield from ()
        return self

    def objects(self, y: torch.Tensor, *given: object) -> Steps:
        yield from ()
        return self.x + self.wrong + self.follows * (y - self.x)

    apply = objects


def test_the_share_is_that_of_the_least_error() -> None:
    """Both follow the noise by a tenth and have errors of their own: that of one is four times the other's."""
    found = []
    for seed in range(20):
        random = torch.Generator().manual_seed(seed)
        x = torch.rand(1, 1, 1, 1, generator=random).expand(1, 1, 96, 96)
        y = x + SIGMA * torch.randn(x.shape, generator=random)
        wrong = [
            0.02 * torch.randn(x.shape, generator=random),
            0.04 * torch.randn(x.shape, generator=random),
        ]
        classical, learned = (Classical(x, 0.1, w) for w in wrong)
        none = torch.zeros_like(y, dtype=torch.bool)
        material = Material([y], [y], [none], [none])
        of = (classical, learned.objects, material, Denoising(), Gaussian(sigma=SIGMA))
        job = Mixture.of(*of, Control())
        found.append(Watched(job).finish().share)
    # the noise that both follow is the same; of independent errors a^2 and b^2 the share is a^2 / (a^2 + b^2)
    assert np.mean(found) == pytest.approx(0.2, abs=0.03)


def test_one_that_is_not_better_is_left_out() -> None:
    x, stack = recorded()
    recipe = Recipe.create(method="noise2self", training={"steps": 1})
    result = run(recipe, stack)
    assert result.estimates["learned_share"] == 0
    assert any("not surely better than a classical one" in note for note in result.notes)
    classical = run(Recipe.create(method="hessian"), stack).image
    assert psnr(result.image, x, data_range=1) == pytest.approx(
        psnr(classical, x, data_range=1), abs=0.05
    )


def test_other_frames_are_mixed_alike() -> None:
    _, stack = recorded()
    y = np.asarray(stack.data)
    result = run(Recipe.create(method="noise2self", training={"steps": 20}), stack)
    frames = ImageStack(np.stack([y, y[::-1]]), "TYX")
    learned, classical, both = (alone(result, frames, w) for w in (1.0, 0.0, 0.3))
    np.testing.assert_allclose(both, 0.7 * classical + 0.3 * learned, atol=1e-5)
    assert np.abs(learned - classical).max() > 0.05
    np.testing.assert_allclose(alone(result, stack, 0.3), both[0], atol=1e-5)


def test_what_it_holds_is_said() -> None:
    for share, words in (
        (0.0, "not surely better"),
        (0.3, "holds 30% of the network's"),
        (1.0, ""),
    ):
        told = remarks({"learned_share": share}, Levels(0.0), untrained=False, shared=False)
        assert (words in " ".join(told)) and (bool(told) is bool(words))


def test_after_stop_it_is_made_as_well_and_can_be_cancelled() -> None:
    _, stack = recorded()
    recipe = Recipe.create(method="noise2self", training={"steps": 60})
    for cancelled in (False, True):
        control = Control()
        stages: set[str] = set()

        def press(
            progress: Progress,
            control: Control = control,
            cancelled: bool = cancelled,
            stages: set[str] = stages,
        ) -> None:
            stages.add(progress.stage)
            if progress.stage == "training" and progress.step >= 20:
                control.stop()
            if cancelled and progress.stage == "comparing":
                control.cancel()

        if cancelled:
            with pytest.raises(Cancelled):
                run(recipe, stack, control=control, report=press)
            assert "restoring" not in stages
            continue
        result = run(recipe, stack, control=control, report=press)
        assert 0 < result.estimates["steps"] < 60
        assert 0 <= result.estimates["learned_share"] <= 1
        # with all the settings that were tried
        model = result.models[0].fitted
        assert isinstance(model, TrainedModel) and model.mixture is not None
        assert model.mixture.method.estimates["weight"] > 0


@pytest.mark.parametrize(
    ("expected", "ndim", "recipe"),
    [
        (True, 2, {"method": "noise2self"}),
        (False, 3, {"method": "noise2self"}),
        (False, 2, {"method": "noise2self", "training": {"mixed": False}}),
        (False, 2, {"method": "noise2self", "training": {"first_guess": "none"}}),
        (False, 2, {"method": "noise2void"}),
        (True, 2, {"method": "neighbor2neighbor"}),
        (False, 2, {"method": "autoencoder"}),
        (False, 2, {"method": "deep_image_prior", "training": {"mixed": True}}),
        (True, 2, {"method": "sure", "noise": "gaussian"}),
        (False, 2, {"method": "sure", "noise": "gaussian", "training": {"mixed": False}}),
        (True, 2, {"method": "noise2void", "training": {"mixed": True}}),
        (False, 2, {"method": [{"name": "noise2self"}, {"name": "variation", "weight": 0.1}]}),
    ],
)  # fmt: skip
def test_where_it_is_made(expected: bool, ndim: int, recipe: dict[str, object]) -> None:
    trainer = restorer(Recipe.create(**recipe))
    assert trainer.mixes(Denoising(), ndim) is expected
    blur = Blur.from_array(gaussian((2.0,) * ndim, (1.0,) * ndim), (32,) * ndim)
    assert not trainer.mixes(blur, ndim)


def test_independent_noise_says_how_strong_it_was_measured() -> None:
    rng = np.random.default_rng(0)
    z = np.linspace(20, 200, 256) + np.zeros((256, 1))

    y = rng.poisson(z).astype(np.float32)
    model = Independent().fitted([y], background.measure([y]))
    level = torch.full((1, 1, 9, 9), 100.0)
    assert float(model.deviation(level).square().mean()) == pytest.approx(100, rel=0.15)
    assert float(model.deviation(level - 1e6).max()) == 0


@pytest.mark.parametrize("share", [0.03, 0.5])
def test_missing_pixels_do_not_count_however_they_are_given(share: float, tmp_path: Path) -> None:
    """By their value, and by a mask. Where many are missing, those that are measured do not stand for all."""
    x, stack = recorded()
    gone = np.random.default_rng(1).random(x.shape) < share
    y = np.where(gone, 0, np.maximum(stack.data + 1, 0.01)).astype(np.float32)
    np.save(tmp_path / "gone.npy", gone.astype(np.uint8))
    found = []
    for params in ({"unmeasured": 0.0}, {"mask": str(tmp_path / "gone.npy")}):
        physics = {"name": "inpainting", "params": params}
        recipe = Recipe.create(physics=physics, method="noise2self", training={"steps": 40})
        found.append(run(recipe, ImageStack(y, "YX")))
    shares = [result.estimates.get("learned_share") for result in found]
    assert shares[0] == (None if share > 0.05 else pytest.approx(shares[1], abs=0.02))
    np.testing.assert_allclose(found[0].image, found[1].image, atol=0.02)


def test_a_dark_first_frame_does_not_decide() -> None:
    """Of it the learned one would be taken, of the other the classical one."""
    random = torch.Generator().manual_seed(0)
    x = torch.rand(1, 1, 96, 96, generator=random)
    y = x + SIGMA * torch.randn(x.shape, generator=random)
    dark = 0.001 * y
    none = torch.zeros_like(y, dtype=torch.bool)
    classical, learned = Classical(x, 0.0, 0 * x), Classical(0 * x, 0.0, 0 * x)
    shares = []
    for frames in ([y], [dark, y], [dark]):
        empty = [none] * len(frames)
        of = (classical, learned.objects, Material(frames, frames, empty, empty), Denoising())
        shares.append(Watched(Mixture.of(*of, Gaussian(sigma=SIGMA), Control())).finish().share)
    assert shares[0] == shares[1] < 0.05 and shares[2] > 0.9


def test_nothing_is_said_of_what_was_only_compared() -> None:
    result = run(Recipe.create(method="noise2self", training={"steps": 1}), recorded()[1])
    assert result.estimates["learned_share"] == 0
    assert "given_back" not in result.estimates


def test_speckle_is_judged_by_its_own_identity() -> None:
    """Of three looks. The variance at the pixel itself makes the risk too large."""
    z = 1 + torch.outer(torch.linspace(0, 6, 96).sin() ** 2, torch.ones(96))[None, None]
    told, true, first = [], [], []
    for seed in range(30):
        generator = torch.Generator().manual_seed(seed)
        noise = Gamma(looks=3.0).fitted([], Levels(0.0)).rescaled(1.0, 0.0)
        y = noise.sample(z, generator)
        stein = Stein(y, noise, generator, 1.0)
        f = 0.3 * stein.data + 0.7 * avg_pool2d(stein.data, 3, 1, 1, count_include_pad=False)
        told.append(float((stein.losses(f) - (y - z).square()).mean()))
        true.append(float((f[:1] - z).square().mean()))
        stein._along = 2 * noise.variance(y) * stein._along.sign()
        first.append(float((stein.losses(f) - (y - z).square()).mean()))
    assert np.mean(told) == pytest.approx(np.mean(true), rel=0.1)
    assert np.mean(first) > 1.3 * np.mean(true)
