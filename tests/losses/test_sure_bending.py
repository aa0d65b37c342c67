"""SURE is right for a network that bends: skewed noise has a second-order term."""

import pytest
import torch

from napari_ssi import registry
from napari_ssi.background import Levels
from napari_ssi.losses.sure import Sure
from napari_ssi.physics.denoising import Denoising

SHAPE = (128, 128)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("z", [3.0, 12.0])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("gaussian", {"sigma": 1.5}),
        ("poisson", {"gain": 1.0}),
        ("poisson_gaussian", {"gain": 1.0, "sigma": 2.0}),
        ("poisson_gaussian", {"gain": 0.0, "sigma": 2.0}),
    ],
)
def test_the_risk_of_a_bent_response(name, given, z, held):
    noise = registry.find("noise", name).build(given).fitted([], Levels(offset=0.0))
    noise = noise.rescaled(1.0, 0.0)
    physics = Denoising()
    physics.bind(SHAPE, (1.0, 1.0))
    clean = torch.full((16, 1, *SHAPE), z)
    generator = torch.Generator().manual_seed(0)
    variance = float(noise.variance(clean).mean())
    bend = 0.4 / variance**0.5
    left_out = torch.zeros(clean.shape, dtype=torch.bool)
    if held:
        left_out[..., ::5, ::5] = True

    def f(seen):
        return z + 0.3 * (seen - z) - bend * ((seen - z).square() - variance)

    found, risks = [], []
    for _ in range(8):
        y = noise.sample(clean, generator)
        terms = Sure()(f, y, physics, noise, generator, left_out if held else None)
        # of mean zero, and most of the scatter
        luck = (y - clean).square() - noise.unbiased_variance(y)
        found.append(sum(terms.values()) - luck[~left_out].mean())
        risks.append((f(y) - clean).square()[~left_out].mean())
    assert float(torch.stack(found).mean()) == pytest.approx(
        float(torch.stack(risks).mean()), rel=0.03
    )
