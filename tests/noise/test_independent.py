"""Independent noise: the clipped mean, and the variance it needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssi.background import Levels, measure
from napari_ssi.noise.independent import Independent


def clipped_plane(gain=0.001, floor=0.01, n=256):
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:n, :n] / n
    z = np.clip(0.6 * np.sin(6 * yy) * np.cos(5 * xx), 0, None)
    y = z + np.sqrt(gain * z + floor) * rng.normal(size=z.shape)
    return z, np.clip(np.round(y * 1024) / 1024, 0, 1).astype(np.float32)


def test_nothing_is_changed_where_nothing_clips():
    z = torch.rand(10)
    plane = np.random.default_rng(0).normal(10, 1, (64, 64)).astype(np.float32)
    model = Independent().fitted([plane], measure([plane]))
    assert torch.equal(model.mean(z), z)


def test_mean_of_clipped_noise_against_simulation():
    model = Independent()
    model._low, model._high, model._gain, model._floor = 0.0, 1.0, 0.02, 0.01
    z = torch.tensor([-0.2, 0.0, 0.1, 0.5, 0.95, 1.2])
    noise = torch.randn(6, 2_000_000, generator=torch.Generator().manual_seed(0))
    sigma = torch.sqrt((0.02 * z + 0.01).clamp_min(0))
    truth = (z[:, None] + sigma[:, None] * noise).clamp(0, 1).mean(1)
    # both ends clip in turn, which is exact unless the noise spans the whole range
    assert torch.allclose(model.mean(z), truth, atol=2e-3)


def test_variance_is_found_on_clipped_data():
    _, y = clipped_plane()
    levels = measure([y])
    assert levels.low == 0.0 and levels.low_fraction > 0.1
    model = Independent().fitted([y], levels)
    assert np.sqrt(model._floor + model._gain * 0.3) == pytest.approx(0.1, rel=0.1)


def test_the_model_predicts_the_mean_of_a_clipped_recording():
    z, y = clipped_plane()
    levels = measure([y])
    model = Independent().fitted([y], levels).rescaled(2.0, levels.offset)
    predicted = model.mean(torch.from_numpy(z / 2).float()).numpy() * 2
    dark = z < 0.02
    assert abs(y[dark].mean() - z[dark].mean()) > 0.03  # the bias is there
    assert y[dark].mean() == pytest.approx(predicted[dark].mean(), abs=0.005)
    assert y[~dark].mean() == pytest.approx(predicted[~dark].mean(), abs=0.005)


def test_rescaling_commutes_with_the_mean():
    model = Independent()
    model._low, model._gain, model._floor = 10.0, 2.0, 5.0
    z = torch.linspace(5, 200, 50)
    assert torch.allclose(
        model.rescaled(50.0, 10.0).mean((z - 10) / 50) * 50 + 10, model.mean(z), atol=1e-3
    )


def test_switched_off():
    model = Independent(model_clipping=False).fitted(
        [np.zeros((8, 8), np.float32)], Levels(0.0, 0.0, 1.0, 0.5, 0.1)
    )
    assert "mean zero" in model.describe()
