"""Total variation against other solvers of the same problem."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve
from scipy.optimize import minimize
from skimage.restoration import denoise_tv_chambolle

from napari_ssi.baselines import _splitting
from napari_ssi.baselines.total_variation import TotalVariation
from napari_ssi.errors import InputError
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising


def solve(
    y: NDArray[np.floating], physics: Physics, weight: float, **params: object
) -> NDArray[np.float64]:
    exact = {"data_term": "least_squares", "iterations": 2000, "tolerance": 0}
    method = TotalVariation(**{**exact, **params})
    frame = torch.from_numpy(np.asarray(y, dtype=np.float32))[None, None]
    *_, x = method.solve(frame, physics, Independent(), 0.1, weight)
    return physics.crop(x)[0, 0].numpy().astype(float)


def variation(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Size of the differences at each pixel, written out; none is taken across an edge."""
    total = np.zeros_like(x)
    for a in range(x.ndim):
        d = np.zeros_like(x)
        front = [slice(None)] * x.ndim
        front[a] = slice(None, -1)
        d[tuple(front)] = np.diff(x, axis=a)
        total += d**2
    return np.sqrt(total)


def test_its_objective_is_at_least_as_low_as_chambolle_s() -> None:
    rng = np.random.default_rng(0)
    y = np.zeros((40, 33))
    y[8:25, 10:28] = 1
    y += rng.normal(0, 0.15, y.shape)
    theirs = denoise_tv_chambolle(y, weight=0.15, eps=1e-9, max_num_iter=5000)
    found = solve(y, Denoising(), 0.15)

    def objective(x: NDArray[np.float64]) -> float:
        return 0.5 * np.sum((x - y) ** 2) + 0.15 * variation(x).sum()

    assert objective(found) <= objective(theirs) * (1 + 1e-4)
    np.testing.assert_allclose(found, theirs, atol=5e-3)


@pytest.mark.parametrize("voxel", [(1.0, 1.0), (3.0, 1.0)])
def test_deconvolution_against_a_general_solver(voxel: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    psf = rng.random((3, 3))
    psf /= psf.sum()
    shape = (7, 8)
    physics = Blur.from_array(psf, shape)
    size = physics.object_shape(shape)
    y = rng.random(shape) + np.pad(np.ones((3, 4)), 2)
    weight, smooth = 0.05, 1e-7

    h, measured = torch.from_numpy(psf), torch.from_numpy(y)

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        x = torch.tensor(flat.reshape(size), requires_grad=True)
        # by the definition: (A x)_i = sum_k h_k x_{i + s - 1 - k} on a valid grid
        z = sum(
            h[k] * x[2 - k[0] : 2 - k[0] + shape[0], 2 - k[1] : 2 - k[1] + shape[1]]
            for k in np.ndindex(3, 3)
        )
        down, right = torch.zeros_like(x), torch.zeros_like(x)
        down[:-1], right[:, :-1] = x.diff(dim=0) / voxel[0], x.diff(dim=1) / voxel[1]
        steps = (down**2 + right**2 + smooth).sqrt().sum()
        value = 0.5 * (z - measured).square().sum() + weight * steps
        value.backward()
        return float(value.detach()), x.grad.numpy().ravel()

    best = minimize(
        objective,
        np.full(np.prod(size), y.mean()),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * int(np.prod(size)),
        options={"maxiter": 3000, "maxfun": 20_000, "ftol": 1e-14, "gtol": 1e-9},
    )
    theirs = best.x.reshape(size)[1:-1, 1:-1]
    found = solve(y, physics, weight, voxel=voxel)
    np.testing.assert_allclose(found, theirs, atol=0.03)
    assert np.abs(found - theirs).mean() < 0.01


@pytest.mark.parametrize("data_term", ["least_squares", "poisson"])
@pytest.mark.parametrize("weight", [1e-3, 1e-4])
def test_the_usual_iterations_are_enough_for_a_weak_weight_too(
    weight: float, data_term: str
) -> None:
    rng = np.random.default_rng(2)
    t = np.arange(9) - 4
    psf = np.exp(-np.add.outer(t**2, t**2) / (2 * 1.5**2))
    z = convolve(np.pad(np.ones((9, 8)), 8), psf / psf.sum()) + 0.05
    y = rng.poisson(z * 2000) / 2000
    physics = Blur.from_array(psf, y.shape)
    given = {"data_term": data_term, "curvature": 0.8}
    soon = solve(y, physics, weight, iterations=60, **given)
    late = solve(y, physics, weight, iterations=400, **given)
    assert np.linalg.norm(soon - late) < 0.04 * np.linalg.norm(late)


def test_what_is_at_rest_stays_so_when_the_penalties_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    y = np.pad(np.ones((9, 8)), 6) + np.random.default_rng(3).normal(0, 0.05, (21, 20))
    physics = Blur.from_array(np.ones((3, 3)) / 9 + np.eye(3) / 90, y.shape)
    frame = torch.from_numpy(y.astype(np.float32))[None, None]
    w, noise, method = torch.ones_like(frame), Independent(), TotalVariation()
    solver, prox = method._solver(frame, w, physics, noise), method._prox(frame, w, noise, 0.0)
    for weight, steps in ((0.1, 40), (0.01, 40), (0.001, 1500)):
        for _ in range(steps):
            solver.step(weight, prox)
    found = solver.image().clone()
    for shrink in (0.1, 0.8, 0.2):
        monkeypatch.setattr(_splitting, "shrink_at", lambda weight, shrink=shrink: shrink)
        solver.step(0.001, prox)
    assert float((solver.image() - found).norm() / found.norm()) < 2e-3
    direct = solve(y, physics, 0.001, iterations=600)
    np.testing.assert_allclose(physics.crop(found)[0, 0].numpy(), direct, atol=0.02)


def test_a_voxel_longer_in_z_is_the_same_problem_with_axes_swapped() -> None:
    y = np.random.default_rng(0).random((12, 15, 9))
    a = solve(y, Denoising(), 0.1, voxel=(3, 1, 1), iterations=200)
    b = solve(y.swapaxes(0, 2), Denoising(), 0.1, voxel=(1, 1, 3), iterations=200).swapaxes(0, 2)
    np.testing.assert_allclose(a, b, atol=1e-4)
    c = solve(y, Denoising(), 0.1, iterations=200)
    assert np.abs(np.diff(a, axis=0)).mean() > 1.2 * np.abs(np.diff(c, axis=0)).mean()


def test_the_voxel_size_comes_from_the_image() -> None:
    y = np.random.default_rng(0).random((6, 15, 9))
    physics = Denoising()
    physics.bind(y.shape, (0.6, 0.2, 0.2))
    bound = solve(y, physics, 0.1, iterations=50)
    given = solve(y, Denoising(), 0.1, iterations=50, voxel=(3, 1, 1))
    np.testing.assert_allclose(bound, given, atol=1e-5)


def test_curvature_leaves_a_ramp_alone_and_total_variation_does_not() -> None:
    ramp = np.add.outer(np.arange(24.0), 2 * np.arange(30.0)) / 80
    np.testing.assert_allclose(solve(ramp, Denoising(), 1.0, curvature=1), ramp, atol=2e-3)
    assert np.abs(solve(ramp, Denoising(), 1.0) - ramp).max() > 0.05


def test_hot_pixels_lead_least_squares_astray_but_not_the_robust_term() -> None:
    rng = np.random.default_rng(0)
    truth = np.full((48, 48), 0.3)
    y = truth + rng.normal(0, 0.05, truth.shape)
    y[rng.random(truth.shape) < 0.02] = 3.0
    plain, robust = (
        np.abs(solve(y, Denoising(), 0.1, data_term=t) - truth).mean()
        for t in ("least_squares", "robust")
    )
    assert robust < 0.4 * plain


def test_the_poisson_term_finds_the_likelihood_s_maximum() -> None:
    # with hardly any smoothing the result is the counts; with very much, their mean
    y = np.random.default_rng(0).poisson(8, (20, 22)) / 8
    physics = Denoising()
    near = solve(y, physics, 1e-4, data_term="poisson", iterations=1000)
    np.testing.assert_allclose(near, y, atol=0.02)
    flat = solve(y, physics, 50, data_term="poisson")
    np.testing.assert_allclose(flat, y.mean(), atol=0.01)


def test_nothing_is_negative_in_deconvolution() -> None:
    y = np.random.default_rng(0).normal(0, 0.2, (20, 20))
    physics = Blur.from_array(np.outer([1, 2, 1], [1, 2, 1]), y.shape)
    assert solve(y, physics, 0.01, iterations=50).min() >= 0
    assert solve(y, physics, 0.01, iterations=50, nonnegative=False).min() < 0


def test_a_voxel_size_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="3 numbers"):
        solve(np.ones((8, 9, 10)), Denoising(), 0.1, voxel=(1, 1))
