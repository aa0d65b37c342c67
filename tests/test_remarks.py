"""What the figures of a channel say in words, each where it is so and nowhere else."""

from __future__ import annotations

import pytest

from napari_ssi.background import Levels
from napari_ssi.remarks import remarks

PLAIN = {"best_step": 40.0, "outliers": 0.0, "given_back": 0.009, "learned_from": 1.0}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"outliers": 0.0123}, "1.23% of the pixels are beyond what the noise explains"),
        ({"best_step": 0.0}, "better than its classical first guess, which is the result"),
        ({"best_step": 0.0, "start_held_out": 1.0}, "better than its start, which is the result"),
        ({"given_back": 0.123}, "12% of what the network had taken off was more than noise"),
        ({"learned_from": 0.25}, "Learned from 25% of the recording"),
        ({"correction": 0.8}, "The result holds 80% of the network's correction of the classical"),
        ({"flux_ratio": 1.6}, "The result holds 1.6 times the light of the recording"),
        ({"flux_ratio": 0.4}, "above the offset of 0, where about as much is expected"),
        ({"flux_ratio": -7.4}, "below the offset, 0, on average: the offset is too high"),
    ],
)
def test_a_figure_out_of_the_ordinary_is_told(facts: dict[str, float], words: str) -> None:
    (told,) = remarks({**PLAIN, **facts}, Levels(offset=0.0), untrained=False)
    assert words in told


@pytest.mark.parametrize(("share", "count"), [(0.05, 1), (0.3, 2)])
def test_detail_that_passed_for_shared_noise_is_told(share: float, count: int) -> None:
    told = remarks({**PLAIN, "given_back": share}, Levels(0.0), untrained=False, shared=True)
    assert len(told) == count
    assert ("noise model independent" in told[-1]) == (count == 2)


def test_what_is_ordinary_is_not_told() -> None:
    assert remarks(PLAIN, Levels(offset=100.0), untrained=False) == []
    assert remarks({}, Levels(offset=100.0), untrained=False) == []
    for facts in ({"flux_ratio": 0.7}, {"flux_ratio": 1.45}, {"correction": 0.999}):
        assert remarks({**PLAIN, **facts}, Levels(offset=100.0), untrained=False) == []
    dark = {"flux_ratio": float("nan")}  # neither has any light
    assert remarks(dark, Levels(offset=100.0), untrained=False) == []


def test_of_what_was_not_trained_only_that_is_told() -> None:
    (told,) = remarks({"best_step": 0.0}, Levels(offset=0.0), untrained=True)
    assert told == "Stopped before the first step: the recording is unchanged."


@pytest.mark.parametrize(("end", "words"), [("low", "clipped at 7"), ("high", "saturated at 7")])
def test_clipping_is_told(end: str, words: str) -> None:
    levels = Levels(offset=0.0, **{end: 7.0, f"{end}_fraction": 0.02})
    assert remarks({}, levels, untrained=False) == [f"Offset 0, 2.0% {words}."]


def test_zeros_without_a_photon_are_told() -> None:
    levels = Levels(0.0, dark_fraction=0.38)
    assert remarks(PLAIN, levels, untrained=False) == ["Offset 0, 38.0% without a photon."]


@pytest.mark.parametrize("best_step", [0.0, 25.0])
def test_what_judged_a_correction_is_named(best_step: float) -> None:
    """Where pixels share noise, not the held-out ones."""
    facts = {"best_step": best_step, "correction": 0.4 if best_step else 0.0}
    for shared, words in ((False, "held-out pixels"), (True, "estimated error")):
        (told,) = remarks(facts, Levels(0.0), untrained=False, shared=shared)
        assert words in told
