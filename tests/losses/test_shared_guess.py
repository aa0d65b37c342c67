"""Losses beside a first guess where neighbours share noise: what counts, and what they are right about."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from napari_ssi.background import Levels
from napari_ssi.losses.base import Loss
from napari_ssi.losses.masked import MaskedLoss
from napari_ssi.losses.r2r import R2r
from napari_ssi.losses.sure import Sure
from napari_ssi.losses.unsure import Unsure
from napari_ssi.noise.correlated import Correlated
from napari_ssi.physics.blur import Blur
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.training.folds import FOLDS, dealt
from napari_ssi.training.windows import WindowPhysics

SHAPE = (48, 48)
SIGMA = 0.3
TENT = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0], dtype=torch.float64) / 3
BATCH = 16
#: Pixels of what is put around a picture do not have its noise.
EDGE = 6


def model(rho: Tensor | None = None, **lines: float) -> Correlated:
    rho = torch.outer(TENT, TENT) if rho is None else rho
    lines = {"row_sigma": 0.0, "column_sigma": 0.0, **lines}
    noise = Correlated(sigma=SIGMA, gain=0.0, **lines, autocorrelation=rho.tolist())
    return noise.fitted([], Levels(0.0)).rescaled(1.0, 0.0)


def smooth(y: Tensor) -> Tensor:
    return conv2d(y, torch.full((1, 1, 5, 5), 1 / 25), padding=2)


def f(seen: Tensor) -> Tensor:
    """It follows each pixel, its neighbours unequally, and the guess."""
    taps = torch.tensor([[0.05, -0.1, 0.1], [0.2, 0.5, 0.1], [-0.1, 0.15, 0.05]])
    return conv2d(seen[:, :1], taps[None, None], padding=1) + 0.8 * seen[:, 1:]


def apart(loss: Loss, noise: Correlated, left_out: Tensor, draws: int = 60) -> list[float]:
    """Mean of the loss less its constant, of the true risk, and the standard error of the difference."""
    physics = Blur.from_array(gaussian((2.0, 2.0), (1.0, 1.0)), SHAPE)
    rows, columns = (torch.linspace(0, 9, n) for n in physics.object_shape(SHAPE))
    z = physics.A((1.2 + 0.3 * torch.outer(rows.sin(), columns.cos()))[None, None])
    halo = physics.halo
    grown = torch.zeros(1, 1, *physics.object_shape(SHAPE), dtype=torch.bool)
    inside = tuple(slice(a, a + n) for (a, _), n in zip(halo, SHAPE, strict=True))
    grown[(..., *inside)] = left_out
    fresh = noise.alone(left_out)
    fresh[..., :EDGE, :] = fresh[..., -EDGE:, :] = fresh[..., :EDGE] = fresh[..., -EDGE:] = False
    known = (~left_out).float()
    state = torch.Generator().manual_seed(0)
    found = []
    with torch.no_grad():
        for _ in range(draws):
            y = noise.sample(z.expand(BATCH, 1, *SHAPE).contiguous(), state)
            # as a window shows it: what lies beyond the edges is not measured, and a constant here
            whole = torch.full((BATCH, 1, *grown.shape[2:]), 1.2)
            whole[(..., *inside)] = y
            seen = torch.full_like(grown, False)
            seen[(..., *inside)] = fresh
            guess = torch.full_like(whole, 1.2)
            guess[(..., *inside)] = smooth(y * known) / smooth(known).clamp_min(0.01)
            view = WindowPhysics(physics, [None, None], guess, seen.expand(whole.shape))
            total = sum(float(term) for term in loss(f, whole, view, noise, state).values())
            given, constant = whole, 0.0
            if isinstance(loss, R2r):  # the risk of f at another such y_1
                given = whole.clone()
                given[(..., *inside)] = noise.recorrupt(y, loss.alpha, state)[0]
                constant = float(noise.variance(torch.zeros(1))) / loss.alpha
            if isinstance(loss, Unsure):
                constant = float(noise.variance(torch.zeros(1)))
            error = physics.A(f(torch.cat([given, guess], 1))) - z
            risk = float(error.square()[fresh.expand(error.shape)].mean())
            found.append([total - constant, risk])
    table = torch.tensor(found, dtype=torch.float64)
    spread = float((table[:, 0] - table[:, 1]).std()) / math.sqrt(draws)
    return [*table.mean(0).tolist(), spread]


@pytest.mark.parametrize("loss", [Sure, Unsure, R2r])
def test_it_is_the_risk_of_the_pixels_whose_noise_the_guess_has_not_seen(loss: type[Loss]) -> None:
    noise = model()
    (left_out, *_) = dealt(torch.zeros(1, 1, *SHAPE), noise, torch.Generator().manual_seed(3))
    draws = 200 if loss is R2r else 60
    loss_, risk, error = apart(loss(), noise, left_out[None], draws)
    assert error < 0.02 * risk
    assert loss_ == pytest.approx(risk, abs=3 * error)

    class Careless(Correlated):
        """Counts all that a guess is made without, although pixels beside it share their noise."""

        def alone(self, hidden: Tensor) -> Tensor:
            return hidden

    careless = Careless(**noise.model_dump()).fitted([], Levels(0.0)).rescaled(1.0, 0.0)
    single = torch.rand(1, 1, *SHAPE, generator=torch.Generator().manual_seed(4)) < 0.25
    loss_, risk, error = apart(loss(), careless, single)
    assert abs(loss_ - risk) > 6 * error


@pytest.mark.parametrize("lines", [{}, {"row_sigma": 0.1}, {"column_sigma": 0.1}])
def test_what_is_dealt_can_be_judged(lines: dict[str, float]) -> None:
    noise = model(**lines)
    frame = torch.zeros(1, 1, 96, 80)
    left_out = dealt(frame, noise, torch.Generator().manual_seed(0))
    assert left_out.shape == (FOLDS, 1, 96, 80)
    share = left_out.float().mean((1, 2, 3))
    assert bool(((share > 0.2) & (share < 0.6)).all())
    fresh = noise.alone(left_out)
    assert bool(fresh.flatten(1).any(1).all())
    assert not bool((noise.sharing(~left_out) & fresh).any())
    assert bool((left_out[0] != left_out[1]).any())


def test_masked_pixels_are_among_those_and_nothing_that_shares_their_noise_is_seen() -> None:
    noise = model()
    y = torch.zeros(2, 1, 96, 80)
    state = torch.Generator().manual_seed(0)
    left_out = dealt(y[:1], noise, state)[:1]
    fresh = noise.alone(left_out).expand(y.shape)
    counted, hidden = MaskedLoss().draw(y, state, fresh, noise)
    assert float(counted.sum()) > 0.2 * float(fresh.sum())
    assert bool((counted <= fresh).all())
    assert not bool((noise.sharing(~hidden) & counted).any())
