"""A correction of a first guess, judged with nothing left out, where neighbours share noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor
from torch.nn.functional import avg_pool2d

from napari_ssi import ImageStack, Recipe, registry, run
from napari_ssi.background import Levels
from napari_ssi.events import Control, Watched
from napari_ssi.noise.correlated import Correlated
from napari_ssi.physics.blur import Blur
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.quality.psnr import psnr
from napari_ssi.training.first_guess import FirstGuess
from napari_ssi.training.material import Material
from napari_ssi.training.risk import DOUBT, average
from napari_ssi.training.whole import Whole

SHAPE = (96, 96)
SIGMA = 0.1
TENT = np.array([1, 2, 3, 2, 1]) / 3
BOX = np.outer(TENT, TENT).tolist()


def specimen(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.clip(gaussian_filter(rng.normal(size=shape), 3) * 6 + 0.5, 0, 1)


class Scene:
    """A recording of which everything is known, its first guess and the judge."""

    def __init__(self, seed: int, strength: float = 1.0, partly: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.physics = Blur.from_array(gaussian((3.0, 3.0), (1.0, 1.0)), SHAPE)
        x = specimen(rng, self.physics.object_shape(SHAPE))
        self.x = torch.from_numpy(x).float()[None, None]
        self.z = self.physics.A(self.x)
        white = rng.normal(size=SHAPE)
        n = 3 * SIGMA * uniform_filter(white, 3, mode="wrap")
        self.y = self.z + torch.from_numpy(n).float()
        self.noise = Correlated(
            sigma=SIGMA * strength,
            gain=0.0,
            row_sigma=0.0,
            column_sigma=0.0,
            autocorrelation=BOX,
        ).fitted([], Levels(0.0))
        none = torch.zeros_like(self.y, dtype=torch.bool)
        method = registry.find("baseline", "hessian").build({"weight": 0.05, "iterations": 20})
        generator = torch.Generator().manual_seed(seed)
        given = (self.physics, self.noise, Control(), generator)
        self.guess = Watched(FirstGuess.fit(method, [self.y], [none], *given)).finish()
        material = Material([self.y], [self.y], [none], [none])
        self.judge = Watched(Whole.of(self.guess, material, *given)).finish()
        self.judge.partly = partly


def test_its_error_is_that_of_another_recording() -> None:
    """Of an estimate that follows the recording and its guess; the noise is taken for a little more than told."""

    def f(seen: Tensor) -> Tensor:
        return 0.5 * seen[:, :1] + 0.5 * avg_pool2d(seen[:, 1:], 3, 1, 1)

    told, true = [], []
    for seed in range(24):
        scene = Scene(seed, strength=DOUBT**-0.5)
        predictions = scene.judge.look(f)
        told.append(scene.judge.error(predictions) - SIGMA**2)
        error = (predictions[:1] - scene.z).square()
        true.append(float(error[scene.judge._risk.counted].mean()))
    spread = float(np.std(np.subtract(told, true))) / len(told) ** 0.5
    assert spread < 0.1 * np.mean(true)
    assert np.mean(told) == pytest.approx(np.mean(true), abs=3 * spread)


def test_no_pixel_counts_that_shares_noise_with_one_that_is_predicted() -> None:
    scene = Scene(0)
    predicted = scene.guess.unseen[0].any(0, keepdim=True)
    counted = scene.judge._risk.counted
    assert 0.05 < float(counted.float().mean()) < 0.3
    assert not bool((scene.noise.sharing(predicted) & counted).any())


def test_a_correction_is_taken_as_far_as_it_is_clearly_of_use() -> None:
    found: dict[str, list[float]] = {"to it": [], "beyond": [], "away": [], "noise": []}
    for seed in range(12):
        scene = Scene(seed, strength=DOUBT**-0.5)
        before = scene.judge.look(lambda seen: seen[:, 1:])
        assert scene.judge.share(before, before) == 0
        way = scene.z - before
        pattern = torch.from_numpy(
            gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 1)
        )
        steps = {"to it": way, "beyond": 2 * way, "away": -way, "noise": 0.1 * pattern.float()}
        for name, step in steps.items():
            after = before + step
            share = scene.judge.share(before, after)
            found[name].append(share)
            excess, error = scene.judge.behind(after, before)
            assert error > 0
            assert name != "to it" or excess < -error
            assert name != "away" or excess > error
    mean = {name: float(np.mean(shares)) for name, shares in found.items()}
    assert 0.6 < mean["to it"] <= 1
    assert 0.3 < mean["beyond"] < 0.6
    assert mean["away"] == 0
    assert mean["noise"] < 0.1


def test_a_correction_is_judged_by_the_part_of_it_that_is_taken() -> None:
    for partly in (False, True):
        judge = Scene(0, partly=partly).judge
        scene = Scene(0)
        before = judge.look(lambda seen: seen[:, 1:])
        far = before + 4 * (scene.z - before)
        assert (judge.error(far) < judge.error(before)) is partly


def test_a_restoration_is_not_worse_than_its_guess() -> None:
    """A network of 24 steps knows nothing of use."""
    rng = np.random.default_rng(0)
    x = specimen(rng, (128, 128))
    psf = gaussian((4.0, 4.0), (1.0, 1.0))
    z = Blur.from_array(psf, x.shape)
    z = z.A(torch.from_numpy(np.pad(x, z.halo, mode="edge")).float()[None, None])[0, 0].numpy()
    n = 3 * SIGMA * uniform_filter(rng.normal(size=x.shape), 3, mode="wrap")
    stack = ImageStack((z + n).astype(np.float32), "YX")
    scores = {}
    for method in ("hessian", "ssi", "sure"):
        training = {} if method == "hessian" else {"training": {"steps": 24}}
        recipe = Recipe.create(physics="blur", noise="correlated", method=method, **training)
        result = run(recipe, stack, psf=psf)
        scores[method] = psnr(result.image, x)
        assert method == "hessian" or 0 <= result.estimates["correction"] <= 1
    assert scores["ssi"] > scores["hessian"] - 0.1
    assert scores["sure"] > scores["hessian"] - 0.1


def test_what_is_alike_in_neighbouring_planes_counts_once() -> None:
    """The standard error of a mean over a volume, against many of them."""
    means, told = [], []
    for seed in range(60):
        white = np.random.default_rng(seed).normal(size=(24, 64, 64))
        losses = torch.from_numpy(gaussian_filter(white, 2.0)).float()[None, None]
        counted = torch.ones_like(losses, dtype=torch.bool)
        mean, error = average(losses, counted)
        means.append(mean)
        told.append(error)
    assert np.mean(told) == pytest.approx(np.std(means), rel=0.3)
