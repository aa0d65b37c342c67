"""A wrong PSF is noticed in what the restoration leaves, and the right one is not accused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.physics._mask import PackedMask
from napari_ssi.physics._passed import by_blocks, by_kernel
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.depth_varying_blur import DepthVaryingBlur
from napari_ssi.physics.downsampling import Downsampling
from napari_ssi.physics.motion import line
from napari_ssi.quality.residual import Structure, check, structure, summary
from napari_ssi.restoration import Restoration
from napari_ssi.samples.microscope import widefield_psf

PASSES_ALL = np.full((128, 128), 0.3)


def widefield(shape: tuple[int, ...], aperture: float) -> np.ndarray:
    return widefield_psf(
        shape,
        (0.3, 0.1, 0.1)[-len(shape) :],
        numerical_aperture=aperture,
        wavelength=0.55,
        index=1.4,
    )


def comet() -> np.ndarray:
    """A tail to the right."""
    y, x = np.indices((31, 31)) - 15
    psf = sum(np.exp(-i / 3 - (y**2 + (x - i) ** 2) / (2 * (1.2 + 0.1 * i) ** 2)) for i in range(9))
    return np.asarray(psf / psf.sum(), np.float32)


def recording(
    psf: np.ndarray, shape: tuple[int, ...], seed: int, light: float = 3000, binned: int = 1
) -> np.ndarray:
    """Points and rods on a dim ground, photons, read noise, offset."""
    rng = np.random.default_rng(seed)
    x = np.ones(tuple(n + p - 1 for n, p in zip(shape, psf.shape, strict=True)))
    n = x.size // 330
    x[tuple(rng.integers(0, m, n) for m in x.shape)] += rng.uniform(0.5, 1.5, n) * light
    for _ in range(12):
        y = rng.integers(0, x.shape[-2])
        x[..., y, rng.integers(0, 40) : rng.integers(60, x.shape[-1])] += light / 20
    z = fftconvolve(x, psf, mode="valid")
    if binned > 1:  # as coarse pixels gather the light
        z = z.reshape(shape[0] // binned, binned, shape[1] // binned, binned).sum((1, 3))
    return camera(z, rng)


def camera(z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    photons = rng.poisson(np.maximum(z, 0))
    counts = 100 + 2 * (photons + rng.normal(0, 1.4, photons.shape))
    return np.clip(counts.round(), 0, 65535).astype(np.uint16)


def restored(y: np.ndarray, psf: np.ndarray | None, **recipe: object) -> Restoration:
    stack = ImageStack(y, "ZYX"[-y.ndim :], (0.3, 0.1, 0.1)[-y.ndim :])
    return run(
        Recipe.create(**{"physics": "blur", "method": "richardson_lucy", **recipe}), stack, psf=psf
    )


def alarmed(result: Restoration) -> bool:
    said = any("probably wrong" in note for note in result.notes)
    assert said == (result.estimates["residual_structure"] > 3)
    return said


# --- after a restoration ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_too_wide_in_a_plane(seed: int) -> None:
    right, wide = widefield((31, 31), 1.0), widefield((47, 47), 1.0 / 1.5)
    y = recording(right, (128, 128), seed)
    assert not alarmed(restored(y, right))
    assert alarmed(
        restored(y, wide, method=[{"name": "richardson_lucy", "params": {"iterations": 60}}])
    )


@pytest.mark.parametrize("seed", range(3))
def test_mirrored(seed: int) -> None:
    y = recording(comet(), (128, 128), seed)
    assert not alarmed(restored(y, comet()))
    assert alarmed(restored(y, np.ascontiguousarray(comet()[:, ::-1])))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2))
def test_too_wide_in_a_stack(seed: int) -> None:
    right, wide = widefield((7, 21, 21), 1.0), widefield((11, 31, 31), 1.0 / 1.5)
    y = recording(right, (14, 80, 80), seed)
    assert not alarmed(restored(y, right))
    assert alarmed(restored(y, wide))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", ["ssi", "hessian"])
def test_too_wide_with_other_methods(method: str) -> None:
    right, wide = widefield((31, 31), 1.0), widefield((47, 47), 1.0 / 1.5)
    y = recording(right, (128, 128), 0)
    training = {"steps": 200} if method == "ssi" else {}
    assert not alarmed(restored(y, right, method=method, training=training))
    assert alarmed(restored(y, wide, method=method, training=training))


def test_what_a_linear_filter_makes_negative_is_no_structure() -> None:
    right, wide = widefield((31, 31), 1.0), widefield((47, 47), 1.0 / 1.5)
    found = [
        restored(recording(right, (128, 128), 0), psf, method="wiener").estimates
        for psf in (right, wide)
    ]
    assert found[0]["set_to_zero"] > 100  # with these at 0 it explains less of the recording
    assert found[0]["residual_structure"] < 4 < 100 < found[1]["residual_structure"]


def test_too_wide_behind_missing_pixels() -> None:
    right, wide = widefield((31, 31), 1.0), widefield((47, 47), 1.0 / 1.5)
    y = recording(right, (128, 128), 0)
    rng = np.random.default_rng(9)
    bad = rng.random(y.shape) < 0.02
    bad[60:64] = True
    y[bad] = rng.choice([0, 60000], bad.sum())  # what stands there has no say
    mask = {"name": "inpainting", "params": {"mask": PackedMask.of(bad).model_dump()}}
    physics = {"name": "compose", "params": {"parts": ["blur", mask]}}
    assert not alarmed(restored(y, right, physics=physics))
    assert alarmed(restored(y, wide, physics=physics))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_too_wide_on_finer_pixels(seed: int) -> None:
    right, wide = widefield((41, 41), 0.6), widefield((61, 61), 0.6 / 1.5)
    stack = ImageStack(recording(right, (256, 256), seed, binned=2), "YX", (0.2, 0.2))
    finer = {"name": "downsampling", "params": {"factor": [2]}}
    physics = {"name": "compose", "params": {"parts": ["blur", finer]}}
    recipe = Recipe.create(physics=physics, method="richardson_lucy")
    assert not alarmed(run(recipe, stack, psf=right))
    assert alarmed(run(recipe, stack, psf=wide))


def test_a_motion_that_is_too_long_or_of_another_angle() -> None:
    y = recording(line([0, 7]), (128, 128), 0, 300)

    def along(**params: float) -> Restoration:
        return restored(y, None, physics={"name": "motion", "params": params})

    assert not alarmed(along(length=7))
    assert alarmed(wrong := along(length=10.5))
    assert any("length or angle of the motion are" in note for note in wrong.notes)
    assert alarmed(along(length=7, angle=30))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_too_wide_where_the_psf_changes_with_depth() -> None:
    right = np.stack([widefield((7, 21, 21), na) for na in (1.0, 0.9)])
    wide = np.stack([widefield((11, 31, 31), na / 1.5) for na in (1.0, 0.9)])
    blur = DepthVaryingBlur()
    blur.bind((14, 80, 80), (0.3, 0.1, 0.1), right)
    rng = np.random.default_rng(0)
    x = np.ones(blur.object_shape((14, 80, 80)))
    x[tuple(rng.integers(0, n, x.size // 330) for n in x.shape)] += 3000
    y = camera(blur.A(torch.from_numpy(x)[None, None]).numpy()[0, 0], rng)
    assert not alarmed(restored(y, right, physics="depth_varying_blur"))
    assert alarmed(restored(y, wide, physics="depth_varying_blur"))


def test_where_there_is_no_blur_there_is_no_check() -> None:
    y = recording(widefield((31, 31), 1.0), (64, 64), 0)
    result = restored(y, None, physics="inpainting", method="total_variation")
    assert "residual_structure" not in result.estimates


def test_shared_noise_is_not_taken_for_a_wrong_psf() -> None:
    psf = widefield((31, 31), 1.0)
    result = restored(recording(psf, (96, 96), 0), psf, noise="correlated")
    assert any("as neighbours share noise" in note for note in result.notes)
    assert "residual_structure" not in result.estimates


# --- the statistic ---------------------------------------------------------------------------


def test_white_noise_raises_no_alarm() -> None:
    rng = np.random.default_rng(0)
    found = [structure(r, r, PASSES_ALL * 0) for r in rng.normal(size=(200, 128, 128))]
    # beyond 3 standard errors lies one in 740; 200 draws hold four of them less than once in 10,000
    assert sum(f.conspicuous for f in found) < 4


def test_noise_that_varies_and_hot_pixels_raise_none() -> None:
    rng = np.random.default_rng(1)
    r = rng.standard_t(4, (128, 128)) * np.linspace(0.5, 1.5, 128)
    r[rng.random(r.shape) < 0.001] = 60
    assert not structure(r, r, PASSES_ALL * 0).conspicuous


def test_less_than_the_noise_is_no_alarm_and_a_wave_is_found_with_its_period() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(128, 128))
    k = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128))
    shrunk = np.fft.ifft2(np.fft.fft2(noise) * np.where(k < 0.2, 0.3, 1)).real
    assert not structure(shrunk, 10 * shrunk, PASSES_ALL).conspicuous
    wave = noise + 0.5 * np.sin(2 * np.pi * np.arange(128) / 8)
    found = structure(wave, wave, PASSES_ALL * 0)
    assert found.conspicuous and found.period == pytest.approx(8, abs=1.5)
    assert found.describe().startswith("The residual is not noise alone: structures of about")
    # the same in a recording of which it is a hundredth only
    assert not structure(wave, 30 * wave, PASSES_ALL * 0).conspicuous


def test_transfer_is_that_of_the_kernel() -> None:
    kernel = widefield((21, 21), 1.0)
    padded = np.zeros((64, 48))
    padded[:21, :21] = kernel
    np.testing.assert_allclose(by_kernel(kernel, (64, 48)), np.abs(np.fft.fft2(padded)), atol=1e-7)
    assert by_kernel(kernel, (16, 16)).shape == (16, 16)  # larger than the grid


def test_what_coarse_pixels_pass_is_what_is_measured_of_waves() -> None:
    rng = np.random.default_rng(0)
    physics = Downsampling(factor=(2,))
    physics.bind((24, 16), (0.1, 0.1))
    passed = physics.passes(np.ones((48, 32)))
    np.testing.assert_allclose(passed, 1, atol=1e-12)  # all that there is, aliases together
    # of white noise with a spectrum, the power in the measurement is the square of what is passed
    own = rng.uniform(0, 1, (48, 32))
    own = (own + np.roll(own[::-1, ::-1], 1, (0, 1))) / 2  # of a real picture
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(4000, 48, 32))) * own).real
    y = physics.A(torch.from_numpy(noise)[:, None]).numpy()[:, 0]
    power = np.square(np.abs(np.fft.fft2(y))).mean(0) / y[0].size * 4
    np.testing.assert_allclose(power, physics.passes(own) ** 2, rtol=0.12)
    weights = [0.5, 0.5]
    np.testing.assert_allclose(
        by_blocks(by_blocks(own, 0, weights), 1, weights), physics.passes(own), atol=1e-12
    )


def test_where_it_cannot_be_told() -> None:
    blur = Blur.from_array(widefield((31, 31), 1.0), (40, 40))
    noise = Gaussian(sigma=0.1)
    image = torch.rand(1, 1, 40, 40)
    found = check(image, image, blur, noise)
    assert isinstance(found, str) and found.startswith("The residual was not checked")
    assert summary([found]) == ({}, [found])


def test_one_odd_frame_is_not_the_psf() -> None:
    quiet, loud = Structure(0.5, 0.0, 5.0), Structure(40.0, 2.0, 5.0)
    assert summary([quiet, quiet, loud])[1] == []
    assert len(summary([loud, quiet, loud])[1]) == 1
    assert summary([]) == ({}, [])
