"""Which weights are kept: of a network that is one number, on errors that are given."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from napari_ssi.errors import InputError
from napari_ssi.training.choice import BELIEVED, Choice
from napari_ssi.training.schedule import Plateau


class Number(nn.Module):
    """Its weight is its held-out error."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.0))


class Score:
    """Stands for the held-out pixels, all of which are equally wrong."""

    def __init__(self, gain: float = 0.0) -> None:
        self._gain = gain

    def squares(self, network: Number) -> Tensor:
        return network.w.detach().expand(10)

    def gain(self, before: Tensor, network: Number) -> float:
        return self._gain

    def __call__(self, network: Number) -> float:
        return float(network.w.detach())


def looked_at(
    *errors: float, start: float | None = None, gain: float = 0.0
) -> tuple[Number, Choice]:
    """After looks at steps 10, 20, … with these errors."""
    network = Number()
    with torch.no_grad():
        network.w.fill_(9.0 if start is None else start)
    schedule = Plateau(rate=0.5, warmup=1, patience=8, decays=3)
    choice = Choice(network, network, Score(gain), schedule)  # type: ignore[arg-type]
    if start is not None:
        choice.begin()
    for number, error in enumerate(errors, 1):
        with torch.no_grad():
            network.w.fill_(error)
        seen = choice.look(10 * number)
        assert seen == pytest.approx(error, nan_ok=True)
    return network, choice


@pytest.mark.parametrize(("select", "step", "kept"), [(True, 20, 2.0), (False, 31, 3.0)])
def test_the_best_are_kept_or_the_last(select: bool, step: int, kept: float) -> None:
    network, choice = looked_at(5.0, 2.0, 3.0)
    assert choice.end(31, select=select, doubt=True) == (step, 2.0)
    assert network.w.item() == kept


@pytest.mark.parametrize("gain", [BELIEVED - 0.1, BELIEVED, math.nan])
@pytest.mark.parametrize("doubt", [True, False])
def test_what_is_not_surely_better_than_the_start_is_doubted(gain: float, doubt: bool) -> None:
    network, choice = looked_at(5.0, 2.0, start=4.0, gain=gain)
    assert choice.at_start == 4.0
    back = doubt and not gain >= BELIEVED
    assert choice.end(20, select=True, doubt=doubt) == ((0, 4.0) if back else (20, 2.0))
    assert network.w.item() == (4.0 if back else 2.0)


def test_a_start_that_nothing_improves_on_stays() -> None:
    network, choice = looked_at(5.0, 4.5, start=4.0, gain=5.0)
    assert choice.end(20, select=True, doubt=False) == (0, 4.0)
    assert network.w.item() == 4.0


def test_without_any_look_they_are_those_of_the_beginning() -> None:
    network, choice = looked_at()
    assert choice.end(0, select=True, doubt=True) == (0, math.inf)
    assert network.w.item() == 9.0


@pytest.mark.parametrize("select", [True, False])
def test_weights_that_diverged_are_never_kept(select: bool) -> None:
    network, choice = looked_at(5.0, math.nan)
    assert choice.diverged
    assert choice.end(20, select=select, doubt=True) == (10, 5.0)
    assert network.w.item() == 5.0
    _, choice = looked_at(math.nan)
    with pytest.raises(InputError, match=r"choose a lower learning rate .* is 0\.5\)"):
        choice.end(10, select=select, doubt=True)
