"""Losses compared pixel by pixel: what both share drops out."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import ttest_rel

from napari_ssi.paired import excess


def test_the_paired_test_of_another_library() -> None:
    generator = torch.Generator().manual_seed(0)
    common = 100 * torch.randn(500, generator=generator)
    losses = common + 1 + torch.randn(500, generator=generator)
    more, error = excess(losses, common)
    assert more / error == pytest.approx(
        ttest_rel(losses.double().numpy(), common.double().numpy()).statistic
    )
    assert 0.8 < more < 1.2
    assert 0.04 < error < 0.05


def test_one_pixel_tells_nothing() -> None:
    assert excess(torch.tensor([3.0]), torch.tensor([1.0])) == (2.0, math.inf)
