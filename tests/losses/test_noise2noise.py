"""Noise2Noise is the risk at one recording plus the noise of the other, for any A."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, shift
from torch import Tensor
from torch.nn.functional import conv2d

from napari_ssi import ImageStack, InputError, Recipe, cost, run
from napari_ssi.losses.noise2noise import Noise2Noise
from napari_ssi.noise.independent import Independent
from napari_ssi.pairing import change
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.training.cleaning import cleaned

SHAPE = (48, 48)
SIGMA = 0.3


def sharpening(x: Tensor) -> Tensor:
    taps = torch.full((3, 3), -0.6 / 8)
    taps[1, 1] = 1.6
    return conv2d(x, taps[None, None], padding=1)


def shared(white: Tensor) -> Tensor:
    """Noise of deviation SIGMA that neighbours share."""
    taps = torch.ones(1, 1, 3, 3) / 3
    return SIGMA * conv2d(white, taps, padding=1)


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("kind", ["denoising", "blur"])
def test_its_mean_is_the_risk_and_the_noise_of_the_other(kind: str, correlated: bool) -> None:
    physics: Physics = Denoising()
    if kind == "blur":
        physics = Blur.from_array(gaussian((2.0, 2.0), (1.0, 1.0)), SHAPE)
    size = physics.object_shape(SHAPE)
    grid = torch.meshgrid(*(torch.linspace(0, 9, n) for n in size), indexing="ij")
    z = physics.A((1.2 + 0.3 * (grid[0] / 3).sin() * (grid[1] / 3).sin())[None, None])
    generator = torch.Generator().manual_seed(0)
    rows = []
    inside = (..., slice(1, -1), slice(1, -1))
    with torch.no_grad():
        for _ in range(150):
            white = torch.randn(32, 1, *SHAPE, generator=generator)
            noise = shared(white) if correlated else SIGMA * white
            y = (z + noise).reshape(16, 2, *SHAPE)
            (value,) = Noise2Noise()(sharpening, y, physics, Independent(), generator).values()
            (copied,) = Noise2Noise()(
                sharpening, y[:, :1].expand(-1, 2, -1, -1), physics, Independent(), generator
            ).values()
            single = y.reshape(32, 1, *SHAPE)
            risk = (physics.A(sharpening(physics.initial(single))) - z).square().mean()
            rows.append([float(v) for v in (value, risk, (single - z).square().mean(), copied)])
            assert float((single - z)[inside].var()) == pytest.approx(SIGMA**2, rel=0.1)
    table = torch.tensor(rows, dtype=torch.float64)
    value, risk, luck, copied = table.mean(0).tolist()
    error = float((table[:, 0] - table[:, 1] - table[:, 2]).std()) / math.sqrt(len(table))
    assert error < 0.006 * risk
    assert value - luck == pytest.approx(risk, rel=0.02)
    assert copied - luck != pytest.approx(risk, rel=0.2)  # twice the same noise


def scene(shape: tuple[int, ...] = (64, 64), seed: int = 0) -> np.ndarray:
    x = gaussian_filter((np.random.default_rng(seed).random(shape) > 0.97).astype(float), 2)
    return 20 + 200 * x / x.max()


def exposures(x: np.ndarray, n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(np.broadcast_to(x, (n, *x.shape))).astype(np.uint16)


@pytest.mark.parametrize(
    ("axes", "n"), [pytest.param("CYX", 2, marks=pytest.mark.slow), ("TYX", 4)]
)
def test_two_exposures_and_alternate_frames(axes: str, n: int) -> None:
    """A network of one channel each; of a film, neighbouring time points."""
    x = scene()
    y = exposures(x, n)
    training = {"steps": 150, "patch": (32, 32), "batch": 2}
    small = {"name": "unet", "params": {"channels": 8, "depth": 2}}
    recipe = Recipe.create(method="noise2noise", training=training, network=small)
    result = run(recipe, ImageStack(y, axes))
    before = float(((y - x) ** 2).mean())
    after = float(((result.image - x) ** 2).mean())
    assert after < 0.35 * before
    assert not [note for note in result.notes if "change by" in note]


def test_a_further_term_sees_one_recording() -> None:
    terms = [{"name": "noise2noise"}, {"name": "equivariant", "weight": 0.1}]
    training = {"steps": 2, "patch": (16, 16), "batch": 1}
    recipe = Recipe.create(method=terms, noise="poisson", training=training)
    result = run(recipe, ImageStack(exposures(scene((32, 32)), 2), "TYX"))
    assert result.image.shape == (2, 32, 32) and np.isfinite(result.image).all()


def test_what_moves_or_bleaches_is_refused_and_single_frames_too() -> None:
    x = scene()
    recipe = Recipe.create(method="noise2noise", training={"steps": 1, "patch": (16, 16)})
    still = exposures(x, 2)
    moved = np.stack([still[0], exposures(shift(x, (1.5, 1), mode="nearest"), 1, 7)[0]])
    faded = np.stack([still[0], exposures(0.6 * x, 1, 7)[0]])
    for y in (moved, faded):
        with pytest.raises(InputError, match="differ by more than noise"):
            run(recipe, ImageStack(y, "TYX"))
    a_little = np.stack([still[0], exposures(shift(x, (0.4, 0), mode="nearest"), 1, 7)[0]])
    assert any("change by" in note for note in run(recipe, ImageStack(a_little, "TYX")).notes)
    for y, axes in [(still[0], "YX"), (exposures(x, 3), "CYX")]:
        for start in (run, cost.estimate):
            with pytest.raises(InputError, match="two recordings of one scene"):
                start(recipe, ImageStack(y, axes))
    assert cost.estimate(recipe, ImageStack(still, "TYX")).seconds > 0
    named = recipe.with_settings({"method.between": "channels"})
    with pytest.raises(InputError, match="two recordings of one scene"):
        run(named, ImageStack(still, "TYX"))


def test_the_change_is_measured_in_units_of_the_noise() -> None:
    """Against the truth; rows that share their noise, and neighbours at a distance, are no change."""
    rng = np.random.default_rng(0)
    x = scene((256, 256))
    other = shift(x, (0.7, 0), mode="nearest")
    sigma = 12.0
    noise = sigma * rng.standard_normal((2, 256, 256))
    found, error = change(
        (x + noise[0]).astype(np.float32), (other + noise[1]).astype(np.float32), 1
    )
    # the part of the change that neighbours share
    truth = float(((x - other) ** 2).mean()) / sigma**2
    assert 0.6 * truth < found < truth + 4 * error
    assert found > 4 * error
    rows = noise + sigma * rng.standard_normal((2, 256, 1))
    near = 3 * gaussian_filter(noise, (0, 1, 1))
    for shared_noise, apart in ((rows, 1), (near, 8)):
        found, error = change(*(x + shared_noise).astype(np.float32), apart)
        assert abs(found) < 5 * error


def test_other_forward_models_are_refused() -> None:
    for physics in ("downsampling", "inpainting"):
        with pytest.raises(InputError, match="needs the forward model denoising or blur"):
            Recipe.create(method="noise2noise", physics=physics)


def test_pixels_missing_in_both_recordings_are_replaced_in_each() -> None:
    """Each from its own neighbours: as if the recordings were cleaned one by one."""
    y = torch.rand(1, 2, 12, 12, generator=torch.Generator().manual_seed(0))
    missing = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    missing[..., 3:9, 4] = True
    both, bad = cleaned(y, None, missing)
    assert bad.shape == y.shape and bool((bad == missing).all())
    for c in (0, 1):
        torch.testing.assert_close(both[:, c : c + 1], cleaned(y[:, c : c + 1], None, missing)[0])
