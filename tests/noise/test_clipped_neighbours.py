"""Noise that neighbours share is seen where much of the recording is clipped."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_ssi import background
from napari_ssi.noise.estimation import measure


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("size", "level"), [(192, 0.5), (256, 0.0)])
def test_clipped_at_the_dark_end(size: int, level: float, shared: bool) -> None:
    rng = np.random.default_rng(0)
    z = gaussian_filter(rng.normal(size=(size, size)), 6)
    noise = rng.normal(size=(size, size + 1))
    noise = (noise[:, 1:] + noise[:, :-1]) / np.sqrt(2) if shared else noise[:, 1:]
    y = np.clip(0.5 * z / z.std() + level + noise, 0, None)
    y = np.round(50 * y).astype(np.float32)
    assert 0.3 < np.mean(y == 0) < 0.6  # so that hardly a 9 x 9 window is free of them
    report = measure([y], background.measure([y]))
    assert report.correlated == shared
    assert ("independent" in report.sentence) != shared
    assert report.autocorrelation[3, 4] == pytest.approx(0.45 if shared else 0, abs=0.07)
