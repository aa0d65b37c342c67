"""A wrong PSF is noticed in what the restoration leaves, and the right one is not accused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.physics.blur import Blur
from napari_ssi.quality.residual import Structure, check, structure, summary, transfer
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
    psf: np.ndarray, shape: tuple[int, ...], seed: int, light: float = 3000
) -> np.ndarray:
    """Points and rods on a dim ground, photons, read noise, offset."""
    rng = np.random.default_rng(seed)
    x = np.ones(tuple(n + p - 1 for n, p in zip(shape, psf.shape, strict=True)))
    n = x.size // 330
    x[tuple(rng.integers(0, m, n) for m in x.shape)] += rng.uniform(0.5, 1.5, n) * light
    for _ in range(12):
        y = rng.integers(0, x.shape[-2])
        x[..., y, rng.integers(0, 40) : rng.integers(60, x.shape[-1])] += light / 20
    photons = rng.poisson(np.maximum(fftconvolve(x, psf, mode="valid"), 0))
    counts = 100 + 2 * (photons + rng.normal(0, 1.4, photons.shape))
    return np.clip(counts.round(), 0, 65535).astype(np.uint16)


def restored(y: np.ndarray, psf: np.ndarray, **recipe: object) -> Restoration:
    stack = ImageStack(y, "ZYX"[-y.ndim :], (0.3, 0.1, 0.1)[-y.ndim :])
    return run(
        Recipe.create(**{"physics": "blur", "method": "richardson_lucy", **recipe}), stack, psf=psf
    )


def alarmed(result: Restoration) -> bool:
    said = any("the PSF is probably wrong" in note for note in result.notes)
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
    np.testing.assert_allclose(transfer(kernel, (64, 48)), np.abs(np.fft.fft2(padded)), atol=1e-7)
    assert transfer(kernel, (16, 16)).shape == (16, 16)  # larger than the grid


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
