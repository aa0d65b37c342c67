"""Which weights are kept: of a network that is one number, on errors that are given."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.errors import InputError
from napari_ssi.losses.sure import Sure
from napari_ssi.networks._module import NetworkModule
from napari_ssi.paired import excess
from napari_ssi.training.choice import Choice
from napari_ssi.training.held_out import HeldOut
from napari_ssi.training.schedule import Plateau


class Number(NetworkModule):
    """Its weight is its held-out error."""

    multiple = reach = ()

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.0))
        self.shrunk: list[float] = []

    def shrink(self, share: float) -> None:
        self.shrunk.append(share)


class Score:
    """Stands for the held-out pixels: all equally wrong, but for luck of their own at each look."""

    def __init__(self, share: float, luck: float) -> None:
        self._share, self._luck = share, luck
        self._draws = torch.Generator().manual_seed(0)

    def look(self, network: Number) -> Tensor:
        luck = self._luck * torch.randn(1000, generator=self._draws)
        return network.w.detach() + luck - luck.mean()  # none in the mean

    def error(self, losses: Tensor) -> float:
        return float(losses.mean())

    def behind(self, losses: Tensor, others: Tensor) -> tuple[float, float]:
        return excess(losses, others)

    def share(self, before: Tensor, after: Tensor) -> float:
        return self._share


def looked_at(
    *errors: float,
    start: float | None = None,
    share: float = 1.0,
    luck: float = 0.0,
    late: bool = False,
) -> tuple[Number, Choice]:
    """After looks at steps 10, 20, … with these errors."""
    network = Number()
    with torch.no_grad():
        network.w.fill_(9.0 if start is None else start)
    schedule = Plateau(rate=0.5, warmup=1, patience=8, decays=3)
    choice = Choice(network, network, Score(share, luck), schedule, late=late)
    if start is not None:
        choice.begin()
    for number, error in enumerate(errors, 1):
        with torch.no_grad():
            network.w.fill_(error)
        seen = choice.look(10 * number)
        assert seen == pytest.approx(error, nan_ok=True, abs=2 * luck + 1e-5)
    return network, choice


@pytest.mark.parametrize(("select", "step", "kept"), [(True, 20, 2.0), (False, 31, 3.0)])
def test_the_best_are_kept_or_the_last(select: bool, step: int, kept: float) -> None:
    network, choice = looked_at(5.0, 2.0, 3.0)
    assert choice.end(31, select=select, blend=True) == (step, pytest.approx(2.0))
    assert network.w.item() == kept
    assert network.shrunk == []


@pytest.mark.parametrize(
    ("luck", "late", "kept"),
    # a mean of 1000 with a luck of 0.1 is uncertain by 0.003, the difference of two by 0.0045
    [(0.1, True, 3.001), (0.1, False, 3.0), (0.0, True, 3.0)],
)
def test_of_those_that_are_as_good_as_the_best_the_latest_is_kept_where_it_is_wanted(
    luck: float, late: bool, kept: float
) -> None:
    network, choice = looked_at(5.0, 3.0, 3.2, 3.001, 3.1, luck=luck, late=late)
    step, error = choice.end(50, select=True, blend=True)
    assert step == (20 if kept == 3.0 else 40)
    assert network.w.item() == pytest.approx(kept)
    assert error == pytest.approx(kept, abs=2 * luck + 1e-5)


@pytest.mark.parametrize("least", [2.0, 4.5])  # below, or above what there was before
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_as_much_of_a_correction_is_taken_as_is_of_use(share: float, least: float) -> None:
    network, choice = looked_at(5.0, least, start=4.0, share=share)
    assert choice.at_start == pytest.approx(4.0)
    step, error = choice.end(20, select=True, blend=True)
    assert (step, error) == (20 if share else 0, pytest.approx(least if share else 4.0))
    assert network.w.item() == (least if share else 4.0)
    assert network.shrunk == ([share] if 0 < share < 1 else [])
    assert choice.share == share


@pytest.mark.parametrize(("share", "kept"), [(0.4, 4.0), (0.6, 2.0)])
def test_where_nothing_is_added_to_a_guess_it_is_one_or_the_other(
    share: float, kept: float
) -> None:
    network, choice = looked_at(5.0, 2.0, start=4.0, share=share)
    network.corrects = False
    assert choice.end(20, select=True, blend=True)[1] == pytest.approx(kept)
    assert network.w.item() == kept
    assert network.shrunk == []


@pytest.mark.parametrize(("share", "step", "kept"), [(0.4, 0, 4.0), (0.6, 10, 5.0)])
def test_what_starts_from_weights_that_say_nothing_has_to_improve_on_the_guess(
    share: float, step: int, kept: float
) -> None:
    network, guess = Number(), Number()
    network.corrects = False
    schedule = Plateau(rate=0.5, warmup=1, patience=8, decays=3)
    choice = Choice(network, network, Score(share, 0.0), schedule)
    with torch.no_grad():
        network.w.fill_(9.0)
        guess.w.fill_(4.0)
        choice.begin(guess)
        network.w.fill_(5.0)
        choice.look(10)
    assert choice.at_start == pytest.approx(4.0)
    assert schedule.best == pytest.approx(
        5.0
    )  # it is not late while it learns what the guess knows
    assert choice.end(10, select=True, blend=True) == (step, pytest.approx(kept))


@pytest.mark.parametrize(("least", "step"), [(2.0, 20), (4.5, 0)])
def test_an_earlier_training_is_one_or_the_other(least: float, step: int) -> None:
    network, choice = looked_at(5.0, least, start=4.0, share=0.6)
    assert choice.end(20, select=True, blend=False) == (step, pytest.approx(min(4.0, least)))
    assert network.w.item() == min(4.0, least)
    assert network.shrunk == []


def test_without_any_look_they_are_those_of_the_beginning() -> None:
    network, choice = looked_at()
    assert choice.end(0, select=True, blend=True) == (0, math.inf)
    assert network.w.item() == 9.0


@pytest.mark.parametrize("select", [True, False])
def test_weights_that_diverged_are_never_kept(select: bool) -> None:
    network, choice = looked_at(5.0, math.nan)
    assert choice.diverged
    assert choice.end(20, select=select, blend=True) == (10, pytest.approx(5.0))
    assert network.w.item() == 5.0
    _, choice = looked_at(math.nan)
    with pytest.raises(InputError, match=r"choose a lower learning rate .* is 0\.5\)"):
        choice.end(10, select=select, blend=True)


@pytest.mark.parametrize("method", ["sure", "r2r", "noise2self"])
def test_where_noise_is_shared_held_out_pixels_judge_only_who_learned_from_such_holes(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that has seen whole pictures looks the worse with holes the better it is (usaf: 23.5 dB, and 29.9)."""
    looks = iter(range(1, 100))
    monkeypatch.setattr(HeldOut, "error", lambda judge, residuals: float(next(looks)))
    y = np.random.default_rng(0).normal(100, 10, (40, 40)).astype(np.float32)
    noise = {"sigma": 10.0, "row_sigma": 0.0, "column_sigma": 0.0, "autocorrelation": [[1.0]]}
    recipe = Recipe.create(
        method=method, noise={"name": "correlated", "params": noise}, training={"steps": 12}
    )
    result = run(recipe, ImageStack(y, "YX"))
    assert result.estimates["best_step"] == (5 if method == "noise2self" else 12)


def test_where_the_loss_itself_belies_the_noise_held_out_pixels_choose_after_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Few photons that neighbours share: SURE gave the recording back, 22.6 dB; from the best look 28.9 dB."""
    looks = iter([1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr(HeldOut, "error", lambda judge, residuals: next(looks))
    monkeypatch.setattr(Sure, "belied", property(lambda loss: True))
    y = np.random.default_rng(0).normal(100, 10, (40, 40)).astype(np.float32)
    noise = {"sigma": 10.0, "row_sigma": 0.0, "column_sigma": 0.0, "autocorrelation": [[1.0]]}
    recipe = Recipe.create(
        method="sure", noise={"name": "correlated", "params": noise}, training={"steps": 12}
    )
    result = run(recipe, ImageStack(y, "YX"))
    assert (result.estimates["steps"], result.estimates["best_step"]) == (12, 5)
    assert result.estimates["held_out"] == 1
    assert any("below what it can be" in note for note in result.notes)
